"""Works of the benchmark of environments: steps, resets, and MuJoCo's own rollout beside them."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from clock import Work
from mujoco.rollout import Rollout

from bnpo.envs.cores import available_cores


def stepping(env: Any, steps: int) -> Work:
    """Step a vector environment under random actions, autoresets included."""
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(steps)]

    def work() -> int:
        for action in actions:
            env.step(action)
        return steps * int(env.num_envs)

    return work


def stepping_one(env: Any, steps: int) -> Work:
    """Step a single environment under random actions, resets included."""
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(steps)]

    def work() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return steps

    return work


def resetting(env: Any, times: int) -> Work:
    """Reset a whole vector environment; counts its environments."""

    def work() -> int:
        for _ in range(times):
            env.reset()
        return times * int(env.num_envs)

    return work


def rolling(
    model: mujoco.MjModel,
    num_envs: int,
    physics_steps: int,
    steps: int,
    threads: int | None = None,
    start: Any = None,
) -> Work:
    """Call ``mujoco.rollout`` for each step of a batch, from the state that the last one left.

    Its threads: as many as there are cores, or so many (0: the calling thread). Every 50 steps the
    states begin anew, at zero or where they are told to.
    """
    threads = min(available_cores(), num_envs) if threads is None else threads
    pool = Rollout(nthread=threads)
    data = [mujoco.MjData(model) for _ in range(max(threads, 1))]
    size = mujoco.mj_stateSize(model, int(mujoco.mjtState.mjSTATE_FULLPHYSICS))
    start = np.zeros((num_envs, size)) if start is None else start
    controls = np.random.default_rng(0).uniform(-1, 1, (steps, num_envs, 1, model.nu))
    controls = np.repeat(controls, physics_steps, axis=2)
    models = [model] * num_envs
    out = np.zeros((num_envs, physics_steps, size))
    sensors = np.zeros((num_envs, physics_steps, model.nsensordata))

    def work() -> int:
        state = start.copy()
        for step, control in enumerate(controls):
            if step % 50 == 0:
                state[:] = start
            pool.rollout(
                models,
                data,
                state,
                control,
                skip_checks=True,
                nstep=physics_steps,
                state=out,
                sensordata=sensors,
            )
            state[:] = out[:, -1]
        return steps * num_envs

    return work
