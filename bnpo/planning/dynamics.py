"""What iLQR plans on: batches of states stepped under actions, and their linearisation.

Letters of shapes: B rows, S numbers of a state, n of a change of state (less than S where
positions hold quaternions), m of an action, p of an output.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bnpo.envs.simulation import mujoco

__all__ = ["Dynamics", "FloatArray", "Linear", "MujocoDynamics", "linearize"]

FloatArray = npt.NDArray[np.float64]
"""States, actions, costs and their derivatives."""

_PHYSICS = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)


class Dynamics(Protocol):
    """Deterministic dynamics in discrete time, a whole batch at once."""

    @property
    def change_dim(self) -> int:
        """Number of components of a change of state, n."""

    @property
    def low(self) -> FloatArray:
        """Lower bounds of the action, [m]; may be -inf."""

    @property
    def high(self) -> FloatArray:
        """Upper bounds of the action, [m]; may be inf."""

    def step(self, state: FloatArray, action: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the states [B, S] that actions [B, m] lead to, and their outputs [B, p]."""

    def difference(self, state: FloatArray, origin: FloatArray) -> FloatArray:
        """Return the change [B, n] that leads from an origin to a state, both [B, S]."""

    def shift(self, state: FloatArray, change: FloatArray) -> FloatArray:
        """Return the states [B, S] moved by changes [B, n]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Linear:
    """First-order model of one step: δx' = A δx + B δu, δy = C δx + D δu."""

    state: FloatArray
    """[B, n, n + m], A and B beside each other"""

    output: FloatArray
    """[B, p, n + m], C and D beside each other"""


def linearize(
    dynamics: Dynamics, state: FloatArray, action: FloatArray, epsilon: float = 1e-6
) -> Linear:
    """Linearise one step by forward differences, all of them in one batch of steps.

    Actions nearer to their upper bounds than epsilon are moved inside.

    Args:
        dynamics: what is stepped, B (n + m + 1) times
        state: [B, S]
        action: [B, m]
        epsilon: change of each number

    """
    rows, n = len(state), dynamics.change_dim
    width = n + action.shape[1]
    offset = epsilon * np.concatenate((np.zeros((1, width)), np.eye(width)))  # [1+n+m, n+m]
    offset = np.tile(offset, (rows, 1))
    inside = np.minimum(action, dynamics.high - epsilon)
    following, output = dynamics.step(
        dynamics.shift(np.repeat(state, 1 + width, 0), offset[:, :n]),
        np.repeat(inside, 1 + width, 0) + offset[:, n:],
    )
    following = following.reshape(rows, 1 + width, -1)
    moved = following[:, 1:].reshape(rows * width, -1)
    slope = dynamics.difference(moved, np.repeat(following[:, 0], width, 0))
    output = output.reshape(rows, 1 + width, -1)
    return Linear(
        state=slope.reshape(rows, width, -1).swapaxes(1, 2) / epsilon,
        output=(output[:, 1:] - output[:, :1]).swapaxes(1, 2) / epsilon,
    )


class MujocoDynamics:
    """A MuJoCo model whose action is its control, held for several physics steps.

    A state is (qpos, qvel, act). Differences are taken in the tangent space of positions, so that
    free and ball joints work. MuJoCo's own ``mjd_transitionFD`` refuses the RK4 integrator and
    covers one physics step alone; batches of rollouts have neither limit.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        steps: int = 1,
        output: Callable[[FloatArray], FloatArray] | None = None,
    ) -> None:
        """Copy a model, with solver warm starts off: the next state depends on this one alone.

        Args:
            model: without plugins
            steps: physics steps under one action
            output: what is paid for, of states [B, S], [B, p]; None: the state itself

        Raises:
            ValueError: the model has state beyond positions, velocities and activations.

        """
        self.model: Any = copy.copy(model)
        self.model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_WARMSTART)
        self.steps = steps
        self.output = output
        self._positions = int(model.nq)
        size = int(model.nq + model.nv + model.na)
        if mujoco.mj_stateSize(model, _PHYSICS) != 1 + size:
            raise ValueError(
                f"model has a state of {mujoco.mj_stateSize(model, _PHYSICS)} numbers: allowed is "
                f"1 + nq + nv + na = {1 + size}, without plugins or delays"
            )
        self._data = mujoco.MjData(self.model)
        self._rollout: Any = mujoco.rollout.Rollout(nthread=0)
        limited = np.asarray(model.actuator_ctrllimited, bool)
        self._low = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
        self._high = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)

    @property
    def change_dim(self) -> int:
        """Number of components of a change of state, 2 nv + na."""
        return int(2 * self.model.nv + self.model.na)

    @property
    def low(self) -> FloatArray:
        """Lower ends of the control ranges, [nu]."""
        return self._low

    @property
    def high(self) -> FloatArray:
        """Upper ends of the control ranges, [nu]."""
        return self._high

    def step(self, state: FloatArray, action: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the states [B, S] under controls [B, nu], and their outputs [B, p]."""
        control = np.repeat(action[:, None], self.steps, 1)
        start = np.concatenate((np.zeros((len(state), 1)), state), 1)
        trajectory, _ = self._rollout.rollout(self.model, self._data, start, control)
        following = trajectory[:, -1, 1:]
        return following, following if self.output is None else self.output(following)

    def difference(self, state: FloatArray, origin: FloatArray) -> FloatArray:
        """Return the change [B, n] from an origin to a state, both [B, S]."""
        at, count = self._positions, int(self.model.nv)
        if at == count:
            return state - origin
        change = np.empty((len(state), self.change_dim))
        change[:, count:] = state[:, at:] - origin[:, at:]
        for row, there, here in zip(change, state, origin, strict=True):
            mujoco.mj_differentiatePos(self.model, row[:count], 1.0, here[:at], there[:at])
        return change

    def shift(self, state: FloatArray, change: FloatArray) -> FloatArray:
        """Return the states [B, S] moved by changes [B, n]."""
        at, count = self._positions, int(self.model.nv)
        if at == count:
            return state + change
        moved = state.copy()
        moved[:, at:] += change[:, count:]
        for row, step in zip(moved, change, strict=True):
            mujoco.mj_integratePos(self.model, row[:at], step[:count], 1.0)
        return moved
