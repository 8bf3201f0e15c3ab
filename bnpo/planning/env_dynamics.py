"""The simulator of a goal environment, as dynamics that iLQR can plan on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gymnasium.spaces import Box

from bnpo.envs.reacher.vector_goal_env import VectorGoalEnv
from bnpo.planning.dynamics import FloatArray

__all__ = ["EnvDynamics"]

ROWS = 2048
"""Largest batch that is simulated at once: a larger one takes as long a row, longer to set up, and
has more rows that nobody asked for."""


class EnvDynamics:
    """The simulator of a goal environment of this package, put into many states at once.

    A state holds every array that defines the physics, side by side; a change is one of positions
    and velocities alone. Actions are in units of half their range. A step is paid for by the
    achieved goal that it leads to.
    """

    def __init__(self, make: Callable[[int], VectorGoalEnv]) -> None:
        """Step batches of environments made by ``make(num_envs)``."""
        self._make = make
        self._envs: dict[int, VectorGoalEnv] = {}
        env = self._sized(1)
        box = env.single_action_space
        assert isinstance(box, Box)
        high, low = box.high.astype(np.float64), box.low.astype(np.float64)
        self.middle, self.half_range = (high + low) / 2.0, (high - low) / 2.0
        self.low, self.high = -np.ones(len(box.low)), np.ones(len(box.low))
        self._widths = {name: array[0].size for name, array in env.arrays().items()}
        self._physics = slice(1, self._widths["physics"])  # after the time
        self._changes = int(self._widths["physics"] - 1)

    @property
    def change_dim(self) -> int:
        """Number of components of a change of state: positions and velocities."""
        return self._changes

    def _sized(self, rows: int) -> VectorGoalEnv:
        """Return environments for at least so many rows, a power of two, to keep batches few."""
        size = 1 << (rows - 1).bit_length()
        if size not in self._envs:
            self._envs[size] = self._make(size)
            self._envs[size].reset(seed=0)
        return self._envs[size]

    def read(self, env: VectorGoalEnv) -> FloatArray:
        """Return the state of every environment of a batch, [N, S]."""
        arrays = env.arrays()
        parts = [np.asarray(arrays[name], np.float64) for name in self._widths]
        return np.concatenate([part.reshape(env.num_envs, -1) for part in parts], 1)

    def write(self, env: VectorGoalEnv, state: FloatArray) -> None:
        """Put the first environments of a batch into states [B, S]."""
        arrays, at = env.arrays(), 0
        for name, width in self._widths.items():
            target = arrays[name]
            part = state[:, at : at + width].reshape(len(state), *target.shape[1:])
            target[: len(state)] = part
            at += width
        env.refresh()

    def step(self, state: FloatArray, action: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return states [B, S] that actions [B, m] lead to, and the goals [B, p] achieved there."""
        parts = [
            self._step(state[at : at + ROWS], action[at : at + ROWS])
            for at in range(0, len(state), ROWS)
        ]
        following, achieved = zip(*parts, strict=True)
        return np.concatenate(following), np.concatenate(achieved)

    def _step(self, state: FloatArray, action: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the same for states [B, S] that fit into one batch."""
        env = self._sized(len(state))
        self.write(env, state)
        actions = np.zeros((env.num_envs, action.shape[1]))
        actions[: len(action)] = self.middle + self.half_range * action
        env.simulate(actions)
        achieved = env.observe()["achieved_goal"]
        return self.read(env)[: len(state)], achieved[: len(state)]

    def difference(self, state: FloatArray, origin: FloatArray) -> FloatArray:
        """Return the change [B, n] from an origin to a state, both [B, S]."""
        return state[:, self._physics] - origin[:, self._physics]

    def shift(self, state: FloatArray, change: FloatArray) -> FloatArray:
        """Return the states [B, S] moved by changes [B, n]."""
        moved = state.copy()
        moved[:, self._physics] += change
        return moved

    def close(self) -> None:
        """Close all environments."""
        for env in self._envs.values():
            env.close()
