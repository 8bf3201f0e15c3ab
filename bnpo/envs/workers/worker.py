"""What a worker process of the pool runs: a chunk of environments, stepped one after the other."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from bnpo.envs.lookup import discard
from bnpo.envs.workers.saved_state import get_env_state, set_env_state
from bnpo.envs.workers.shared_arrays import Layout, map_arrays, observation_parts
from bnpo.errors import headline

STACK_SIGNAL = signal.SIGUSR1
"""Makes a worker write where it is, also where it is in compiled code."""

_PR_SET_PDEATHSIG = 1

Infos = list[tuple[int, dict[str, Any]]]
"""Infos in the order in which Gymnasium's vector environment would add them, by environment."""


class Chunk:
    """Environments ``rows`` of the pool, which live in this process."""

    def __init__(self, factory: Any, rows: range, mode: AutoresetMode) -> None:
        self.rows = rows
        self.mode = mode
        self.envs: list[gym.Env[Any, Any]] = [factory() for _ in rows]
        self.ended = np.zeros(len(rows), np.bool_)

    def describe(self) -> dict[str, Any]:
        """What the pool must know before it can share memory."""
        first = self.envs[0]
        return {
            "observation_space": first.observation_space,
            "action_space": first.action_space,
            "reward_space": getattr(first.unwrapped, "reward_space", None),
            "metadata": dict(first.metadata),
            "render_mode": first.render_mode,
            "spec": first.spec,
        }

    def share(self, descriptor: int, layout: Layout) -> None:
        """Map the arrays through which actions come and results go."""
        arrays, self._memory = map_arrays(descriptor, layout)
        mine = slice(self.rows.start, self.rows.stop)
        self.arrays = {name: array[mine] for name, array in arrays.items()}
        self.keys = list(observation_parts(self.envs[0].observation_space))

    def reset(
        self, seeds: list[int | None], mask: npt.NDArray[np.bool_], options: dict[str, Any] | None
    ) -> Infos:
        """Reset the masked environments of the chunk."""
        infos: Infos = []
        for index in map(int, np.flatnonzero(mask)):
            observation, info = self.envs[index].reset(seed=seeds[index], options=options)
            self._write(index, observation)
            self.arrays["progress"][index] += 1
            self.ended[index] = False
            infos.append((self.rows[index], info))
        return infos

    def step(self) -> Infos:
        """Step every environment of the chunk under the shared actions."""
        infos: Infos = []
        actions = self.arrays["actions"].copy()
        for index in range(len(self.envs)):
            self.step_one(index, actions[index], infos)
        return infos

    def step_one(self, index: int, action: npt.NDArray[Any], infos: Infos) -> None:
        """Step one environment, or reset it where the autoreset mode says so."""
        env, row, out = self.envs[index], self.rows[index], self.arrays
        if self.ended[index] and self.mode is AutoresetMode.NEXT_STEP:
            observation, info = env.reset()
            reward, terminated, truncated = 0.0, False, False
        else:
            observation, reward, terminated, truncated, info = env.step(action)  # type: ignore[assignment]
        ended = terminated or truncated
        if ended and self.mode is AutoresetMode.SAME_STEP:
            infos.append((row, {"final_obs": observation, "final_info": info}))
            observation, info = env.reset()
        self._write(index, observation)
        out["rewards"][index] = reward
        out["terminations"][index] = terminated
        out["truncations"][index] = truncated
        out["progress"][index] += 1
        self.ended[index] = ended
        infos.append((row, info))

    def _write(self, index: int, observation: Any) -> None:
        """Put an observation where the pool reads it."""
        for key in self.keys:
            part = observation[key] if key else observation
            self.arrays[f"observation/{key}"][index] = part

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Call a method of every environment, or get an attribute of each."""
        found = [env.get_wrapper_attr(name) for env in self.envs]
        return [one(*args, **kwargs) if callable(one) else one for one in found]

    def set_attr(self, name: str, values: list[Any]) -> None:
        """Set an attribute of every environment."""
        for env, value in zip(self.envs, values, strict=True):
            env.set_wrapper_attr(name, value)

    def get_state(self) -> list[dict[str, Any]] | str:
        """State of every environment of the chunk, or why it cannot be told."""
        try:
            return [get_env_state(env) for env in self.envs]
        except ValueError as error:
            return str(error)

    def set_state(self, states: list[dict[str, Any]], ended: npt.NDArray[np.bool_]) -> None:
        """Let every environment go on from a state."""
        for env, state in zip(self.envs, states, strict=True):
            set_env_state(env, state)
        self.ended[:] = ended

    def close(self) -> None:
        """Close the environments; what one of them raises comes too late to matter."""
        for env in self.envs:
            discard(env)


def serve(pipe: Connection, descriptor: int) -> None:
    """Answer the pool's requests until it closes the pipe.

    The first message is (factory, rows, autoreset mode), every further one (method, arguments).
    An answer is (True, result) or (False, what was raised in one line, traceback, the exception
    where it can be pickled).
    """
    chunk: Chunk | None = None
    while True:
        try:
            content = pipe.recv_bytes()
        except EOFError:
            break
        try:
            message = pickle.loads(content)
            if chunk is None:
                chunk = Chunk(*message)
                answer: tuple[Any, ...] = (True, chunk.describe())
            else:
                method, arguments = message
                if method == "share":
                    arguments = (descriptor, *arguments)
                answer = (True, getattr(chunk, method)(*arguments))
            content = _pickled(answer)
        except BaseException as error:  # sys.exit in a simulator, too
            answer = (False, headline(error), traceback.format_exc(), _picklable(error))
            content = _pickled(answer)
        pipe.send_bytes(content)
        if not answer[0]:
            break
    if chunk is not None:
        chunk.close()


def _pickled(answer: tuple[Any, ...]) -> bytes:
    """Return an answer as the pool reads it."""
    try:
        return pickle.dumps(answer)
    except Exception:  # of a class defined in a notebook
        content: bytes = cloudpickle.dumps(answer)
        return content


def _picklable(error: BaseException) -> Exception | None:
    """Return the exception if it survives a pipe."""
    try:
        restored = pickle.loads(pickle.dumps(error))
    except Exception:
        return None
    return restored if isinstance(restored, Exception) else None


def main() -> None:
    """Run a worker.

    The arguments are descriptors (its pipe, the shared memory, a file for stacks) and the process
    with which it ends, 0 for none: a simulator that hangs does not see that the pipe was closed.
    Stop signals are for the pool to handle, also where they reach the whole process group.
    """
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    pipe_descriptor, memory_descriptor, stack_descriptor, parent = map(int, sys.argv[1:5])
    if parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return
    faulthandler.enable(stack_descriptor)
    faulthandler.register(STACK_SIGNAL, stack_descriptor)
    serve(Connection(pipe_descriptor), memory_descriptor)
