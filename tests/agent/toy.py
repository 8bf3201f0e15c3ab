"""``bnpo/Toy-v0``: a point on a line, a whole batch in one call, with a known optimum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.envs.registration import register, registry
from gymnasium.spaces import Box, Dict
from gymnasium.vector import AutoresetMode

from bnpo.envs.reacher.single_goal_env import SingleGoalEnv
from bnpo.envs.reacher.vector_goal_env import GOAL_KEYS, FloatArray, IndexArray, VectorGoalEnv

ENV_ID = "bnpo/Toy-v0"
NEAR = 0.1


class ToyVectorEnv(VectorGoalEnv):
    """x <- x + step a, from 0; the goal is uniform in [-0.8, 0.8] and may drift.

    With one step, of length 1, it is a bandit: the step ends in a terminal state and the best
    action is the goal. With more, of length 0.5, a time limit ends it. The dense reward is
    -(x - g)^2, the sparse one 0 within 0.1 and -1 elsewhere, so the best return is known. ``sides``
    pays it as a vector of two: what it costs to be below the goal, and above it.
    """

    draws_per_episode = 2

    def __init__(
        self,
        *,
        num_envs: int = 1,
        threads: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
        episode_steps: int = 1,
        sparse: bool = False,
        drift: float = 0.0,
        sides: bool = False,
    ) -> None:
        self.sparse, self.drift, self.sides = sparse, drift, sides
        self.reward_space = Box(-np.inf, 0.0, (2,) if sides else ())
        self.stride = 1.0 if episode_steps == 1 else 0.5
        box = Box(-np.inf, np.inf, (1,), np.float64)
        super().__init__(
            num_envs=num_envs,
            episode_steps=episode_steps,
            observation_space=Dict(dict.fromkeys(GOAL_KEYS, box)),
            action_space=Box(-1.0, 1.0, (1,), np.float64),
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
        )
        self.x, self.goal, self.pace = (np.zeros((num_envs, 1)) for _ in range(3))

    def step(self, actions: Any) -> Any:
        observations, rewards, ended, limited, infos = super().step(actions)
        if self.episode_steps == 1:
            ended, limited = limited, ended
        return observations, rewards, ended, limited, infos

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        squared = ((achieved_goal - desired_goal) ** 2).sum(-1)
        reward = (squared < NEAR**2) * 1.0 - 1.0 if self.sparse else -squared
        if not self.sides:
            return reward
        below = (achieved_goal < desired_goal)[..., 0]
        stack = torch.stack if isinstance(below, torch.Tensor) else np.stack
        return stack((reward * below, reward * ~below), -1)

    def _begin(self, rows: IndexArray, uniforms: FloatArray) -> None:
        self.x[rows] = 0.0
        self.goal[rows] = 1.6 * uniforms[:, :1] - 0.8
        self.pace[rows] = self.drift * np.sign(uniforms[:, 1:] - 0.5)

    def _parse_options(self, options: Mapping[str, Any]) -> dict[str, FloatArray]:
        return {}

    def _apply_options(self, rows: IndexArray, options: dict[str, FloatArray]) -> None:
        pass

    def simulate(self, actions: FloatArray) -> None:
        self.x += self.stride * np.clip(actions, -1, 1)
        self.goal += self.pace

    def observe(self) -> dict[str, FloatArray]:
        return {
            "observation": self.pace.copy(),
            "achieved_goal": self.x.copy(),
            "desired_goal": self.goal.copy(),
        }

    def _outcome(self, observations: dict[str, FloatArray]) -> tuple[FloatArray, dict[str, Any]]:
        near = np.abs(self.x - self.goal)[:, 0] < NEAR
        return self.compute_reward(self.x, self.goal), {"is_success": near}

    def arrays(self) -> dict[str, Any]:
        return {"x": self.x, "goal": self.goal, "pace": self.pace}

    def refresh(self) -> None:
        pass

    def draw(self, index: int, *, size: int = 400) -> Any:
        raise NotImplementedError


class ToyEnv(SingleGoalEnv):
    """One point."""

    def __init__(self, render_mode: str | None = None, **settings: Any) -> None:
        super().__init__(
            ToyVectorEnv(autoreset_mode=AutoresetMode.DISABLED, render_mode=render_mode, **settings)
        )


if ENV_ID not in registry:
    register(
        id=ENV_ID, entry_point=f"{__name__}:ToyEnv", vector_entry_point=f"{__name__}:ToyVectorEnv"
    )
