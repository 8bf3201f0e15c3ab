"""A trial of an environment: some steps with random actions, and all that came of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.envs.lookup import AnyEnv
from bnpo.envs.rollout import as_goal_observation
from bnpo.envs.spaces import own_spaces, seed_spaces
from bnpo.envs.vector_info import carried, kept
from bnpo.envs.workers.generators import GlobalGenerators

__all__ = ["Trial", "play"]


@dataclass
class Trial:
    """Steps of one environment under random actions."""

    shown: dict[str, NDArray[Any]]
    """[T, .], observations that each step led to"""

    before: dict[str, NDArray[Any]]
    """[E, .], observations at which episodes began"""

    reward: NDArray[Any]
    """[T] or [T, R]"""

    terminated: NDArray[np.bool_]
    """[T]"""

    truncated: NDArray[np.bool_]
    """[T]"""

    infos: list[dict[str, Any]]
    """[T]"""

    longest: int
    """Number of steps of the longest episode"""

    seconds: float
    """Time that all steps took (seconds)"""


def play(env: AnyEnv, steps: int, seed: int) -> Trial:
    """Play random actions, seeded in all that the environment may draw from."""
    own_spaces(env)
    seed_spaces(env, seed)
    generators = GlobalGenerators(seed)
    low, high = (getattr(env.action_space, name) for name in ("low", "high"))
    draws = np.random.default_rng(seed)
    shown, begun, rewards, ends, infos = [], [], [], [], []
    length = longest = 0
    with generators:
        observation = kept(env.reset(seed=seed)[0])
        begun.append(observation)
        started = time.perf_counter()
        for _ in range(steps):
            action = draws.uniform(low, high).astype(env.action_space.dtype).clip(low, high)
            observation, reward, terminated, truncated, info = env.step(action)
            shown.append(kept(observation))
            rewards.append(np.array(reward, np.float64).reshape(-1))
            ends.append((bool(terminated), bool(truncated)))
            infos.append(carried(info))
            length += 1
            longest = max(longest, length)
            if terminated or truncated:
                begun.append(kept(env.reset()[0]))
                length = 0
        seconds = time.perf_counter() - started
    flags = np.array(ends, bool)
    return Trial(
        shown=_stacked(shown),
        before=_stacked(begun),
        reward=np.array(rewards),
        terminated=flags[:, 0],
        truncated=flags[:, 1],
        infos=infos,
        longest=longest,
        seconds=seconds,
    )


def _stacked(observations: list[Any]) -> dict[str, NDArray[Any]]:
    if isinstance(observations[0], dict):
        return {key: np.array([one[key] for one in observations]) for key in observations[0]}
    return as_goal_observation(np.array(observations))
