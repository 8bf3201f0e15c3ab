"""What a worker process runs: a chunk of environments, stepped one after the other."""

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

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from bnpo import seeding
from bnpo.envs.lookup import discard
from bnpo.envs.registrations import register_others
from bnpo.envs.spaces import layers, own_spaces, seed_spaces
from bnpo.envs.vector_info import carried
from bnpo.envs.workers.answers import pickled, survivor
from bnpo.envs.workers.generators import GlobalGenerators
from bnpo.envs.workers.rehearsal import rehearse
from bnpo.envs.workers.returned import number_of, part_of, reset_of, step_of
from bnpo.envs.workers.saved_state import get_env_state, set_env_state
from bnpo.envs.workers.shared_arrays import Layout, map_arrays, observation_parts
from bnpo.errors import headline

STACK_SIGNAL = signal.SIGUSR1
"""Signal on which a worker writes its stack, even if it is in compiled code."""

_PR_SET_PDEATHSIG = 1

Infos = list[tuple[int, dict[str, Any]]]
"""Info of each environment, with its number."""

Told = tuple[Infos, list[tuple[int, Any, dict[str, Any]]]]
"""Infos, and for each episode that ended its environment, last observation and info."""


class Chunk:
    """Environments ``rows`` of the batch, which live in this process."""

    def __init__(
        self, factory: Any, rows: range, mode: AutoresetMode, seed: int, registrations: bytes
    ) -> None:
        register_others(registrations)
        self.factory = factory
        self.rows = rows
        self.mode = mode
        self.generators = [GlobalGenerators(one) for one in seeding.derived_each(seed, rows)]
        self.envs: list[gym.Env[Any, Any]] = []
        for generators in self.generators:
            with generators:
                self.envs.append(own_spaces(factory()))
        self.ended = np.zeros(len(rows), np.bool_)

    def describe(self) -> dict[str, Any]:
        """Return what the calling process must know before it can share memory."""
        first = self.envs[0]
        return {
            "observation_space": first.observation_space,
            "action_space": first.action_space,
            "reward_space": getattr(first.unwrapped, "reward_space", None),
            "metadata": dict(first.metadata),
            "render_mode": first.render_mode,
            "spec": first.spec,
            "known": all(_package(layer) in _KNOWN for layer in layers(first)),
        }

    def share(self, descriptor: int, layout: Layout) -> None:
        """Map the arrays through which actions come and results go."""
        arrays, self._memory = map_arrays(descriptor, layout)
        mine = slice(self.rows.start, self.rows.stop)
        self.arrays = {name: array[mine] for name, array in arrays.items()}
        self.keys = list(observation_parts(self.envs[0].observation_space))

    def reset(
        self, seeds: list[int | None], mask: npt.NDArray[np.bool_], options: dict[str, Any] | None
    ) -> Told:
        """Reset the masked environments of the chunk."""
        infos: Infos = []
        for index in map(int, np.flatnonzero(mask)):
            env, seed = self.envs[index], seeds[index]
            if seed is not None:
                self.generators[index].seed(seed)
                seed_spaces(env, seed)
            with self.generators[index]:
                observation, info = reset_of(env, seed=seed, options=options)
            self._write(index, observation)
            self.arrays["progress"][index] += 1
            self.ended[index] = False
            infos.append((self.rows[index], carried(info)))
        return infos, []

    def step(self) -> Told:
        """Step every environment of the chunk under the shared actions."""
        report: Told = ([], [])
        actions = self.arrays["actions"].copy()
        for index in range(len(self.envs)):
            with self.generators[index]:
                self.step_one(index, actions[index], report)
        return report

    def step_one(self, index: int, action: npt.NDArray[Any], report: Told) -> None:
        """Step one environment, or reset it where the autoreset mode says so."""
        env, row, out = self.envs[index], self.rows[index], self.arrays
        infos, finals = report
        if self.ended[index] and self.mode is AutoresetMode.NEXT_STEP:
            observation, info = reset_of(env)
            reward, terminated, truncated = 0.0, False, False
        else:
            observation, reward, terminated, truncated, info = step_of(env.step(action))
        out["rewards"][index] = number_of(reward, out["rewards"][index].shape)
        ended = terminated or truncated
        if ended and self.mode is AutoresetMode.SAME_STEP:
            self._write(index, observation)  # in the form of its space
            finals.append((row, self._present(index), carried(info)))
            observation, info = reset_of(env)
        self._write(index, observation)
        out["terminations"][index] = terminated
        out["truncations"][index] = truncated
        out["progress"][index] += 1
        self.ended[index] = ended
        infos.append((row, carried(info)))

    def _write(self, index: int, observation: Any) -> None:
        """Write an observation into shared memory, where the calling process reads it."""
        for key in self.keys:
            part = part_of(observation, key)
            place = self.arrays[f"observation/{key}"][index]
            if np.shape(part) != place.shape:
                raise ValueError(
                    f"{key or 'observation'} has shape {np.shape(part)}, its space {place.shape}"
                )
            place[...] = part

    def _present(self, index: int) -> Any:
        """Return a copy of the observation that was written last."""
        copies = {key: self.arrays[f"observation/{key}"][index].copy() for key in self.keys}
        return copies.get("", copies)

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Call a method of every environment, or get an attribute of each."""
        attributes = [env.get_wrapper_attr(name) for env in self.envs]
        return [one(*args, **kwargs) if callable(one) else one for one in attributes]

    def set_attr(self, name: str, values: list[Any]) -> None:
        """Set an attribute of every environment."""
        for env, value in zip(self.envs, values, strict=True):
            env.set_wrapper_attr(name, value)

    def get_state(self) -> list[dict[str, Any]] | str:
        """Return the state of every environment of the chunk, or why it cannot be told."""
        try:
            return [
                {"env": get_env_state(env), "generators": generators.get_state()}
                for env, generators in zip(self.envs, self.generators, strict=True)
            ]
        except ValueError as error:
            return str(error)

    def rehearse(self) -> str | None:
        """Return why the state that environments tell is not all of it; None where it is."""
        return rehearse(self.factory)

    def set_state(self, states: list[dict[str, Any]], ended: npt.NDArray[np.bool_]) -> None:
        """Let every environment go on from a state."""
        for env, generators, state in zip(self.envs, self.generators, states, strict=True):
            set_env_state(env, state["env"])
            generators.set_state(state["generators"])
        self.ended[:] = ended

    def close(self) -> None:
        """Close the environments; what one of them raises comes too late to matter."""
        for env in self.envs:
            discard(env)


def serve(pipe: Connection, descriptor: int) -> None:
    """Answer the calling process's requests until it closes the pipe.

    The first message makes the chunk, every further one is (method, arguments).
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
            content = pickled(answer)
        except BaseException as error:  # sys.exit in a simulator, too
            answer = (False, headline(error), traceback.format_exc(), survivor(error))
            content = pickled(answer)
        pipe.send_bytes(content)
        if not answer[0]:
            break
    if chunk is not None:
        chunk.close()


_KNOWN = ("gymnasium", "gymnasium_robotics", "bnpo")
"""Packages whose environments tell all that decides their steps."""


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def main() -> None:
    """Run a worker.

    The arguments are descriptors (its pipe, the shared memory, a file for stacks) and the process
    with which it ends, 0 for none: a simulator that hangs does not see that the pipe was closed.
    Stop signals are for the calling process, also where they reach the whole process group.
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
