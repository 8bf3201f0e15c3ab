"""A batch of copies of one MuJoCo model, stepped together in MuJoCo's own threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bnpo.envs.arguments import require_int
from bnpo.envs.cores import available_cores
from bnpo.envs.simulation import mujoco

FloatArray = npt.NDArray[np.float64]

_PHYSICS = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)


class BatchSimulator:
    """Physics of ``num_envs`` copies of a model.

    One call to :meth:`advance` is one call of MuJoCo's ``rollout`` for the whole batch. The next
    state is a function of state and control alone: solver warm starts, which ``rollout`` does not
    carry from call to call, are switched off, so that a batch of one gives the same numbers as a
    larger batch. Every array is allocated once.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        *,
        num_envs: int,
        steps: int,
        control_spec: mujoco.mjtState,
        threads: int | None = None,
        least_per_thread: int = 16,
    ) -> None:
        """Start the threads and put every copy into the model's initial state.

        Args:
            model: MuJoCo model without activations or plugins; its warm start is switched off.
            num_envs: Copies of the model, N.
            steps: Physics steps of one :meth:`advance`, K.
            control_spec: What the control sets, for example ``mjSTATE_CTRL``.
            threads: Threads to step in: 0 steps in the calling thread, None takes one thread for
                each core if that pays. Never more than ``num_envs``.
            least_per_thread: Copies for which waking another thread pays (it takes some 50 us).

        """
        model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_WARMSTART)
        self.model = model
        if threads is not None:
            require_int("threads", threads, minimum=0)
        self.threads = _pool_size(threads, num_envs, least_per_thread)
        self.steps = steps
        self.state = _initial_state(model, num_envs)
        """[N, 1 + nq + nv], time, positions and velocities."""
        self.control: FloatArray = np.zeros(
            (num_envs, steps, mujoco.mj_stateSize(model, int(control_spec)))
        )
        """[N, K, .], to be written by the owner before :meth:`advance`."""
        self._control_spec = int(control_spec)
        self._trajectory = np.zeros((num_envs, steps, self.state.shape[1]))
        self._sensors = np.zeros((num_envs, steps, model.nsensordata))
        self._models = [model] * num_envs
        self._data = [mujoco.MjData(model) for _ in range(max(self.threads, 1))]
        self._chunk = max(1, num_envs // (2 * max(self.threads, 1)))
        self._rollout: Any = mujoco.rollout.Rollout(nthread=self.threads)

    @property
    def qpos(self) -> FloatArray:
        """Positions, a view of the state [N, nq]."""
        return self.state[:, 1 : 1 + self.model.nq]

    @property
    def qvel(self) -> FloatArray:
        """Velocities, a view of the state [N, nv]."""
        return self.state[:, 1 + self.model.nq :]

    @property
    def path(self) -> FloatArray:
        """Positions after each physics step of the last :meth:`advance`, a view [N, K, nq]."""
        return self._trajectory[:, :, 1 : 1 + self.model.nq]

    def advance(self) -> None:
        """Take ``steps`` physics steps under :attr:`control`, in place."""
        self._rollout.rollout(
            self._models,
            self._data,
            self.state,
            self.control,
            control_spec=self._control_spec,
            skip_checks=True,
            nstep=self.steps,
            state=self._trajectory,
            sensordata=self._sensors,
            chunk_size=self._chunk,
        )
        self.state[:] = self._trajectory[:, -1]

    def close(self) -> None:
        """Stop the threads."""
        if self._rollout is not None:
            self._rollout.close()
            self._rollout = None


def _pool_size(threads: int | None, num_envs: int, least_per_thread: int) -> int:
    """Return how many threads to start; 0 where the calling thread does as well as one."""
    worthwhile = min(available_cores(), num_envs // least_per_thread)
    wanted = worthwhile if threads is None else threads
    size = min(wanted, num_envs)
    return size if size > 1 else 0


def _initial_state(model: mujoco.MjModel, num_envs: int) -> FloatArray:
    """Return the state of the model's reference pose, repeated [N, 1 + nq + nv]."""
    size = mujoco.mj_stateSize(model, _PHYSICS)
    if size != 1 + model.nq + model.nv:
        raise ValueError(
            f"model has state beyond time, positions and velocities: {size} numbers, "
            f"allowed are 1 + nq + nv = {1 + model.nq + model.nv}"
        )
    state = np.zeros(size)
    mujoco.mj_getState(model, mujoco.MjData(model), state, _PHYSICS)
    return np.tile(state, (num_envs, 1))
