"""Processes on this machine that start at once: a server has loaded their libraries."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from bnpo.envs.python import python
from bnpo.envs.registrations import registrations_file
from bnpo.errors import RunError
from bnpo.study.processes.jobs import ONE_THREAD, Words

__all__ = ["ForkServer", "LocalProcess"]

SERVER = "from bnpo.study.processes.server import main; main()"
_DEAD = "the server of processes has ended: what it said is in the output of this one"


class ForkServer:
    """Starts processes of one thread, forked from one that has loaded the libraries of a run.

    They end when this process does. The server is started with the first of them.
    """

    def __init__(self, keep: Sequence[int] = ()) -> None:
        """Make ready.

        Args:
            keep: files of this process that the others have open, too

        """
        self._keep = keep
        self._guard = threading.Lock()
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the server; its processes are left alone."""
        if self._control is not None:
            self._control.close()
            self._process.wait()

    def start(self, words: Words, log: Path, *, telling: bool = False) -> LocalProcess:
        """Start a process.

        Args:
            words: after ``python``: ``-m``, a module that ends when its standard input does, and
                what it takes
            log: where its output goes
            telling: its standard output is read by :meth:`LocalProcess.lines`

        Raises:
            RunError: the server has died.

        """
        with self._guard:
            return LocalProcess(self._control or self._begin(), words, log, telling=telling)

    def _begin(self) -> socket.socket:
        self._control, theirs = socket.socketpair()
        registrations = registrations_file()
        with theirs:
            self._process = subprocess.Popen(
                python(SERVER, registrations),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={**os.environ, **ONE_THREAD},
                pass_fds=(*self._keep, registrations),
                start_new_session=True,
            )
        os.close(registrations)
        return self._control


class LocalProcess:
    """A process of one thread on this machine, which ends when the one that started it does."""

    def __init__(self, control: socket.socket, words: Words, log: Path, *, telling: bool) -> None:
        """Have it forked; see :meth:`ForkServer.start`."""
        _, *own = map(str, words)
        self._line, theirs = socket.socketpair()
        self._reports, outlet = socket.socketpair()
        try:
            with theirs, outlet, log.open("wb") as errors:
                files = [theirs, outlet if telling else errors, errors]
                socket.send_fds(control, [b"."], [file.fileno() for file in files])
            self._line.sendall(json.dumps(own).encode() + b"\n")
        except ConnectionError:
            self._line.close()
            self._reports.close()
            raise RunError(_DEAD) from None

    def lines(self) -> Iterator[str]:
        """Yield what it tells, line by line, until it has ended."""
        with self._reports, self._reports.makefile(encoding="utf-8") as reports:
            yield from reports

    def terminate(self) -> None:
        """Ask it to end in good order."""
        with contextlib.suppress(OSError):  # it has ended
            self._line.shutdown(socket.SHUT_WR)

    def wait(self) -> int:
        """Return its exit status when it has ended.

        Raises:
            RunError: the server has died, and so nobody knows.

        """
        with self._line, self._reports, self._line.makefile() as answer:
            with contextlib.suppress(ConnectionError):
                if status := answer.readline():
                    return int(status)
            raise RunError(_DEAD)
