"""Handles of a process pool on its chunks: one in a worker process, one in the calling process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing import Pipe
from typing import Any

import cloudpickle
import gymnasium as gym
from gymnasium.vector import AutoresetMode

from bnpo.envs.pool_worker import Chunk

Factory = Callable[[], gym.Env[Any, Any]]

PATIENCE = 5.0
"""Time that a worker gets to end by itself (seconds)."""

_WORKER = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from bnpo.envs.pool_worker import main; main()"
)


class WorkerError(RuntimeError):
    """A worker process failed; the message holds its traceback."""


class WorkerProcess:
    """A worker process and the pipe to it."""

    def __init__(self, rows: range, memory_descriptor: int) -> None:
        """Start the process; ``rows`` are the environments that it will hold."""
        self.rows = rows
        self.slice = slice(rows.start, rows.stop)
        self.pipe, theirs = Pipe()
        descriptors = (theirs.fileno(), memory_descriptor)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, *map(str, descriptors), json.dumps(sys.path)],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()

    def begin(self, factory: Factory, mode: AutoresetMode) -> None:
        """Have the environments made; the answer describes them."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send_bytes(cloudpickle.dumps((factory, self.rows, mode)))

    def send(self, message: tuple[str, tuple[Any, ...]]) -> None:
        """Send a request; that the worker has died shows when its answer is asked for."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send(message)

    def answer(self, timeout: float) -> Any:
        """Wait for the answer to a request; a failure is a WorkerError."""
        who = _name(self.rows)
        try:
            if not self.pipe.poll(timeout):
                raise WorkerError(f"the {who} gave no answer within timeout={timeout:g} s")
            succeeded, *answer = self.pipe.recv()
        except (EOFError, ConnectionError) as error:
            code = self.end()
            raise WorkerError(f"the {who} died with exit code {code}") from error
        if succeeded:
            return answer[0]
        report, cause = answer
        raise WorkerError(f"the {who} failed:\n{report}") from cause

    def end(self) -> int:
        """Let the process end, make it if it does not, and return its exit code."""
        self.pipe.close()
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class CallerChunk:
    """A chunk that the calling process steps, behind the interface of a worker.

    A request is carried out when its answer is asked for, while the worker processes are at it.
    """

    def __init__(self, rows: range, memory_descriptor: int) -> None:
        """Prepare for the environments ``rows``."""
        self.rows = rows
        self.slice = slice(rows.start, rows.stop)
        self._memory_descriptor = memory_descriptor
        self._chunk: Chunk | None = None
        self._pending: Callable[[], Any] = dict

    def begin(self, factory: Factory, mode: AutoresetMode) -> None:
        """Make the environments when the answer is asked for."""

        def make() -> dict[str, Any]:
            self._chunk = Chunk(factory, self.rows, mode)
            return self._chunk.describe()

        self._pending = make

    def send(self, message: tuple[str, tuple[Any, ...]]) -> None:
        """Keep a request until its answer is asked for."""
        method, arguments = message
        if method == "share":
            arguments = (self._memory_descriptor, *arguments)
        self._pending = partial(getattr(self._chunk, method), *arguments)

    def answer(self, timeout: float) -> Any:
        """Carry the request out; a failure is a WorkerError."""
        try:
            return self._pending()
        except Exception as error:
            report = traceback.format_exc()
            raise WorkerError(f"the {_name(self.rows)} failed:\n{report}") from error

    def end(self) -> int:
        """Close the environments."""
        if self._chunk is not None:
            self._chunk.close()
            self._chunk = None
        return 0


def _name(rows: range) -> str:
    """What a worker is called in messages."""
    return f"worker of environments {rows.start} to {rows.stop - 1}"
