"""Small environments in Python, to be stepped in workers."""

from __future__ import annotations

import os
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Dict


class Walk(gym.Env[Any, Any]):
    """A random walk from a seeded start; ends after a number of steps that is drawn at reset."""

    observation_space = Dict(
        {
            "observation": Box(-np.inf, np.inf, (2,), np.float64),
            "achieved_goal": Box(-np.inf, np.inf, (1,), np.float32),
            "desired_goal": Box(-np.inf, np.inf, (1,), np.float32),
        }
    )
    action_space = Box(-1.0, 1.0, (2,), np.float32)
    broken_at: float = np.inf

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = self.np_random.normal(size=2)
        self.left = int(self.np_random.integers(2, 6))
        return self.observe(), {"start": float(self.place[0]), "options": str(options)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.place[0] > self.broken_at:
            raise RuntimeError("the walker fell over")
        self.place = self.place + action
        self.left -= 1
        done = self.left == 0
        odd = bool(self.place[1] > 0)
        info = {"is_success": odd, "process": os.getpid() * 0, "where": self.place.copy()}
        return self.observe(), float(self.place.sum()), done and odd, done and not odd, info

    def pid(self) -> int:
        return os.getpid()

    def observe(self) -> dict[str, Any]:
        goal = np.array([self.place[0]], np.float32)
        return {"observation": self.place.copy(), "achieved_goal": goal, "desired_goal": -goal}


class Plain(Walk):
    """The same walk without goals."""

    observation_space = Box(-np.inf, np.inf, (2,), np.float64)  # type: ignore[assignment]

    def observe(self) -> Any:
        return self.place.copy()


class TwoRewards(Walk):
    """Pays what it gains along each axis."""

    reward_space = Box(-np.inf, np.inf, (2,), np.float64)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, _, terminated, truncated, info = super().step(action)
        return observation, np.array(action, np.float64), terminated, truncated, info

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        return np.repeat(achieved_goal - desired_goal, 2, -1)
