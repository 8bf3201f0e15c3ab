"""Handles on chunks of environments: one in a worker process, one in the calling process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing import Pipe
from typing import Any

import cloudpickle
import gymnasium as gym
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from bnpo.envs.python import python
from bnpo.envs.workers.care import STUCK, interrupting
from bnpo.envs.workers.worker import STACK_SIGNAL, Chunk
from bnpo.errors import WorkerError, headline

Factory = Callable[[], gym.Env[Any, Any]]

PATIENCE = 5.0
"""Time that a worker gets to end by itself (seconds)."""

SLICE = 1.0
"""Longest single wait (seconds): a program that is stopped and goes on loses no more of a limit."""

_WORKER = "from bnpo.envs.workers.worker import main; main()"


class WorkerProcess:
    """A worker process and the pipe to it."""

    def __init__(self, rows: range, memory_descriptor: int) -> None:
        """Start the process; ``rows`` are the environments that it will hold."""
        self.rows = rows
        self.slice = slice(rows.start, rows.stop)
        self.progress: npt.NDArray[Any] | None = None
        """Number of steps and resets that each environment has ended, once memory is shared."""
        self.pipe, theirs = Pipe()
        self._stacks = tempfile.TemporaryFile()  # noqa: SIM115
        self._last = ""
        descriptors = (theirs.fileno(), memory_descriptor, self._stacks.fileno())
        # It may end with the thread that starts it, so none but the main one may take it along.
        lasting = threading.current_thread() is threading.main_thread()
        numbers = (*descriptors, os.getpid() if lasting else 0)
        self.process = subprocess.Popen(
            python(_WORKER, *numbers),
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            process_group=0,  # with what its simulators start
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()

    def begin(self, factory: Factory, mode: AutoresetMode, seed: int, registrations: bytes) -> None:
        """Have the environments made; the answer describes them.

        Args:
            factory: makes one
            mode: what happens at the end of an episode
            seed: of what constructors draw from global generators
            registrations: environments that this program has registered

        Raises:
            ValueError: what makes them cannot be sent to another process.

        """
        try:
            content = cloudpickle.dumps((factory, self.rows, mode, seed, registrations))
        except Exception as error:
            raise ValueError(
                f"the environment cannot be sent to a worker process: {headline(error)}"
            ) from error
        with contextlib.suppress(ConnectionError):
            self.pipe.send_bytes(content)

    def send(self, message: tuple[str, tuple[Any, ...]]) -> None:
        """Send a request; that the worker has died shows when its answer is asked for."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send(message)

    def answer(self, timeout: float) -> Any:
        """Wait for the answer to a request; a failure is a WorkerError."""
        who = name_of(self.rows)
        try:
            succeeded, *answer = self.pipe.recv() if self._wait(timeout) else (None,)
        except (EOFError, ConnectionError) as error:
            code = self.end()
            stack = self._written()
            raise WorkerError(f"the {who} died with {_exit(code)}{_place(stack)}", stack) from error
        except Exception as error:
            raise _failure(self.rows, headline(error), traceback.format_exc()) from error
        if succeeded:
            return answer[0]
        if succeeded is None:
            stack = self._stack()
            self._kill()
            raise WorkerError(f"the {who} hangs: {STUCK.format(timeout)}{_place(stack)}", stack)
        raised, report, cause = answer
        raise _failure(self.rows, raised, report) from cause

    def _wait(self, timeout: float) -> bool:
        """Return whether an answer comes before a time passes in which no environment gets on.

        Raises:
            EOFError: the process has ended, though one that it forked may hold the pipe.

        """
        seen, left = self._done(), timeout
        while not self.pipe.poll(min(left, SLICE)):
            if self.process.poll() is not None and not self.pipe.poll():
                raise EOFError
            left -= SLICE
            if self._done() != seen:
                seen, left = self._done(), timeout
            if left <= 0.0:
                return False
        return True

    def _done(self) -> int:
        return _total(self.progress)

    def _stack(self) -> str:
        """Ask the process where in its code it is."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(STACK_SIGNAL)
        until = time.monotonic() + 1.0
        while not self._written().endswith("\n") and time.monotonic() < until:
            time.sleep(0.01)
        return self._written()

    def _written(self) -> str:
        """Return the stack that the process has written when it was asked."""
        if self._stacks.closed:
            return self._last
        size = os.fstat(self._stacks.fileno()).st_size
        return os.pread(self._stacks.fileno(), size, 0).decode(errors="replace")

    def ask(self, method: str, arguments: tuple[Any, ...], timeout: float) -> Any:
        """Send a request and wait for its answer."""
        self.send((method, arguments))
        return self.answer(timeout)

    def end(self, patience: float | None = None) -> int:
        """Let the process end, make it if it does not in time, and return its exit code."""
        self.pipe.close()
        try:
            self.process.wait(timeout=PATIENCE if patience is None else patience)
        except subprocess.TimeoutExpired:
            self._kill()
        code = self.process.wait()
        self._kill()  # what its simulators have left behind
        self._last = self._written()
        self._stacks.close()
        return code

    def _kill(self) -> None:
        """End the process at once, with all that its simulators have started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class CallerChunk:
    """A chunk that the calling process steps, behind the interface of a worker.

    A request is carried out when its answer is asked for, while the worker processes are at it.
    """

    def __init__(self, rows: range, memory_descriptor: int) -> None:
        """Prepare for the environments ``rows``."""
        self.rows = rows
        self.slice = slice(rows.start, rows.stop)
        self._memory_descriptor = memory_descriptor
        self.progress: npt.NDArray[Any] | None = None
        self._chunk: Chunk | None = None
        self._pending: Callable[[], Any] = dict

    def begin(self, factory: Factory, mode: AutoresetMode, seed: int, registrations: bytes) -> None:
        """Make the environments when the answer is asked for."""

        def make() -> dict[str, Any]:
            self._chunk = Chunk(factory, self.rows, mode, seed, registrations)
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
            with interrupting(timeout, self._done):
                return self._pending()
        except (Exception, SystemExit) as error:
            raise _failure(self.rows, headline(error), traceback.format_exc()) from error

    def _done(self) -> int:
        return _total(self.progress)

    def ask(self, method: str, arguments: tuple[Any, ...], timeout: float) -> Any:
        """Carry out a request."""
        self.send((method, arguments))
        return self.answer(timeout)

    def end(self, patience: float | None = None) -> int:
        """Close the environments."""
        if self._chunk is not None:
            self._chunk.close()
            self._chunk = None
        return 0


def name_of(rows: range) -> str:
    """Return what a worker is called in messages."""
    return f"worker of environments {rows.start} to {rows.stop - 1}"


def _total(progress: npt.NDArray[Any] | None) -> int:
    """Return how many steps and resets a chunk has ended."""
    return 0 if progress is None else int(progress.sum())


def _failure(rows: range, raised: str, report: str) -> WorkerError:
    """Return the error about what an environment raised, with its traceback."""
    return WorkerError(f"the {name_of(rows)} failed: {raised}", report)


def _exit(code: int) -> str:
    """Name the exit code of a process, with the signal that ended it."""
    with contextlib.suppress(ValueError):
        return f"exit code {code} ({signal.Signals(-code).name})"
    return f"exit code {code}"


def _place(stack: str) -> str:
    """Return the innermost frame of a stack that faulthandler has written."""
    frame = next((line.strip() for line in stack.splitlines() if line.startswith("  File")), None)
    return "" if frame is None else f" at {frame}"
