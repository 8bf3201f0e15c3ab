"""What can be trained here: environments with shapes, horizon and measured speed."""

from __future__ import annotations

import time
from dataclasses import dataclass

import gymnasium as gym

from bnpo.envs.lookup import load_registrations
from bnpo.envs.making import describe as describe_task
from bnpo.envs.making import make_vector_env
from bnpo.types import TaskSpec

__all__ = ["Entry", "inspect", "matching"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One environment of the catalogue."""

    env_id: str
    """Gymnasium id"""

    spec: TaskSpec | None
    """Task of the environment; None if it cannot be trained"""

    steps_per_s: float | None = None
    """Number of steps of one environment per second, under random actions"""

    reason: str | None = None
    """Reason why it cannot be trained; empty if it can"""


def matching(pattern: str) -> list[str]:
    """Return registered ids that contain the pattern, whatever its case, in alphabetical order."""
    load_registrations()
    return sorted(env_id for env_id in gym.registry if pattern.lower() in env_id.lower())


def inspect(env_id: str, *, num_envs: int = 8, seconds: float = 0.3) -> Entry:
    """Make an environment, describe it and measure its speed.

    Args:
        env_id: Gymnasium id
        num_envs: environments in the batch
        seconds: how long to measure

    """
    try:
        env = make_vector_env(env_id, num_envs, workers=0)
    except Exception as error:  # whatever keeps it from being made is the reason
        return Entry(env_id=env_id, spec=None, reason=str(error).splitlines()[0])
    try:
        spec = describe_task(env)
        env.reset(seed=0)
        env.action_space.seed(0)
        actions = [env.action_space.sample() for _ in range(16)]
        env.step(actions[0])
        steps, started = 0, time.perf_counter()
        while (spent := time.perf_counter() - started) < seconds or not steps:
            env.step(actions[steps % len(actions)])
            steps += 1
        return Entry(env_id=env_id, spec=spec, steps_per_s=steps * num_envs / spent)
    finally:
        env.close()
