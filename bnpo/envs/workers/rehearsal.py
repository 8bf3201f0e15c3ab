"""A rehearsal: whether an environment goes on from its saved state as it would have gone on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from bnpo.envs.spaces import own_spaces, seed_spaces
from bnpo.envs.workers.generators import GlobalGenerators
from bnpo.envs.workers.saved_state import get_env_state, set_env_state

__all__ = ["rehearse"]

BEFORE = 7
"""Number of steps before the state is taken."""

AFTER = 25
"""Number of steps that are compared from there on."""


class _Played:
    """An environment and the global generators that it draws from."""

    def __init__(self, factory: Callable[[], gym.Env[Any, Any]], seed: int) -> None:
        self.generators = GlobalGenerators(seed)
        with self.generators:
            self.env = own_spaces(factory())
            seed_spaces(self.env, seed)
            self.env.reset(seed=seed)

    def step(self, action: Any) -> list[Any]:
        """Step, reset where an episode ended, and return all observations, rewards and flags."""
        with self.generators:
            observation, reward, terminated, truncated, _ = self.env.step(action)
            outcome = [observation, reward, terminated, truncated]
            outcome = [np.array(value) for one in outcome for value in _values(one)]
            if terminated or truncated:
                first = self.env.reset()[0]
                outcome += [np.array(value) for value in _values(first)]
        return outcome


def rehearse(factory: Callable[[], gym.Env[Any, Any]]) -> str | None:
    """Return why the state that environments tell is not all of it; None where it is.

    One is played, its state given to another one, and both are played on with the same actions.

    Args:
        factory: makes one

    """
    players: list[_Played] = []
    try:
        players += [_Played(factory, seed) for seed in (1, 2)]
        return _compare(*players)
    except Exception as error:
        return f"a rehearsal of it failed: {' '.join(str(error).split())[:150]}"
    finally:
        for one in players:
            one.env.close()


def _compare(first: _Played, second: _Played) -> str | None:
    space = first.env.action_space
    low, high = (getattr(space, name) for name in ("low", "high"))
    generator = np.random.default_rng(0)
    actions = [
        generator.uniform(low, high).astype(space.dtype).clip(low, high)
        for _ in range(BEFORE + AFTER)
    ]
    for action in actions[:BEFORE]:
        first.step(action)
    set_env_state(second.env, get_env_state(first.env))
    second.generators.set_state(first.generators.get_state())
    for number, action in enumerate(actions[BEFORE:], 1):
        one, other = first.step(action.copy()), second.step(action.copy())
        same = len(one) == len(other) and all(
            a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in zip(one, other, strict=True)
        )
        if not same:
            return (
                f"what it holds is not all that decides its steps: {number} steps later it shows "
                "or pays something else; give it get_state() and set_state(state)"
            )
    return None


def _values(observation: Any) -> list[Any]:
    return [*observation.values()] if isinstance(observation, dict) else [observation]
