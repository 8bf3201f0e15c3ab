"""Replays of other libraries, filled and drawn from as ours is; shapes are Fetch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from clock import Work


def distance_reward(achieved_goal: Any, desired_goal: Any) -> Any:
    """Zero within 5 cm of the goal, else minus one, [B]."""
    distance = np.linalg.norm(achieved_goal - desired_goal, axis=-1)
    return -(distance > 0.05).astype(np.float32)


class Goals(gym.Env[Any, Any]):
    """An environment of Fetch's shapes that rewards alone: SB3 asks it to relabel."""

    def __init__(self) -> None:
        """Declare the spaces."""
        widths = {"observation": 25, "achieved_goal": 3, "desired_goal": 3}
        self.observation_space = gym.spaces.Dict(
            {k: gym.spaces.Box(-np.inf, np.inf, (w,), np.float32) for k, w in widths.items()}
        )
        self.action_space = gym.spaces.Box(-1, 1, (4,), np.float32)

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, _info: Any) -> Any:
        """Zero within 5 cm of the goal, else minus one."""
        return distance_reward(achieved_goal, desired_goal)


def sb3_her(capacity: int, envs: int, steps: int) -> tuple[Any, Callable[[int], int]]:
    """SB3's buffer, filled with episodes of so many steps, and a function that adds steps to it."""
    from stable_baselines3 import HerReplayBuffer
    from stable_baselines3.common.vec_env import DummyVecEnv

    env = DummyVecEnv([Goals] * envs)
    spaces = (env.observation_space, env.action_space)
    buffer = HerReplayBuffer(capacity, *spaces, env=env, n_envs=envs, n_sampled_goal=4)
    rng = np.random.default_rng(0)
    widths = {"observation": 25, "achieved_goal": 3, "desired_goal": 3}
    seen = {k: rng.normal(size=(envs, w)).astype(np.float32) for k, w in widths.items()}
    action = rng.normal(size=(envs, 4)).astype(np.float32)
    infos: list[dict[str, Any]] = [{} for _ in range(envs)]

    def add(times: int) -> int:
        for i in range(times):
            done = np.full(envs, i % steps == steps - 1)
            buffer.add(seen, seen, action, -np.ones(envs), done, infos)
        return times * envs

    add(capacity // envs // steps * steps)
    return buffer, add


def sampling_sb3(buffer: Any, batch: int) -> Work:
    """Draw and relabel batches."""

    def work() -> int:
        for _ in range(20):
            buffer.sample(batch)
        return 20 * batch

    return work


def tianshou_prioritized(capacity: int) -> Any:
    """Tianshou's buffer, filled; observation and goal are one array, which is its fastest form."""
    from tianshou.data import Batch, PrioritizedReplayBuffer

    buffer = PrioritizedReplayBuffer(capacity, alpha=0.6, beta=0.4)
    rng = np.random.default_rng(0)
    step = Batch(
        obs=rng.normal(size=28).astype(np.float32),
        act=rng.normal(size=4).astype(np.float32),
        rew=-1.0,
        terminated=False,
        truncated=False,
        obs_next=rng.normal(size=28).astype(np.float32),
        info={},
    )
    for _ in range(capacity):
        buffer.add(step)
    buffer.update_weight(np.arange(capacity), rng.random(capacity) + 0.5)
    return buffer


def sampling_tianshou(buffer: Any, batch: int) -> Work:
    """Draw batches and give them new priorities."""
    priority = np.random.default_rng(0).random(batch) + 0.5

    def work() -> int:
        for _ in range(20):
            buffer.update_weight(buffer.sample(batch)[1], priority)
        return 20 * batch

    return work
