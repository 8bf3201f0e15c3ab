"""A point in the plane, and what users make of it: the goal environments of these tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np

from bnpo.agent import Agent
from bnpo.presets import PRESETS, build_agent

PLANE = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)


class Point(gym.Env[Any, Any]):
    """Moves by a fifth of its action; paid 0 within 0.1 of its goal, else -1."""

    kind: Any = np.float32

    def __init__(self) -> None:
        plane = gym.spaces.Box(-np.inf, np.inf, (2,), self.kind)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = gym.spaces.Dict(
            observation=plane, achieved_goal=plane, desired_goal=plane
        )

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.goal = np.zeros(2), self.np_random.uniform(-1.0, 1.0, 2)
        return self.observe(), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        self.place = self.place + 0.2 * action
        reward = float(self.compute_reward(self.place, self.goal, {}))
        return self.observe(), reward, False, False, {"is_success": reward == 0.0}

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        return -(np.linalg.norm(achieved_goal - desired_goal, axis=-1) > 0.1).astype(np.float32)

    def observe(self) -> Any:
        observation = {
            "observation": self.place,
            "achieved_goal": self.place,
            "desired_goal": self.goal,
        }
        return {name: part.astype(self.kind) for name, part in observation.items()}


@contextmanager
def registered(make: Callable[..., Any], steps: int | None = 10, **more: Any) -> Iterator[str]:
    """Register an environment for the time of a test; yield its id."""
    env_id = "Own-v0"
    more = {"disable_env_checker": True, **more}  # its warnings are no matter here
    gym.register(env_id, make, max_episode_steps=steps, **more)
    try:
        yield env_id
    finally:
        del gym.registry[env_id]


def agent_on(env_id: str, preset: str = "ddpg_her", **config: Any) -> Agent:
    """Build an agent of a preset with seed 0."""
    return build_agent({"env": env_id, "seed": 0, **PRESETS[preset], **config})


SHORT: dict[str, Any] = {
    "num_envs": 4,
    "eval_interval": 10**6,
    "eval_episodes": 4,
    "progress_bar": False,
}
"""Settings of a short training run."""
