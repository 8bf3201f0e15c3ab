"""The process that others are forked from: it has loaded what a run needs, and computes nothing.

Its standard input is a socket. Each request on it is one byte with three files: the standard input
of the new process, a socket itself, on which its words and later its exit status are told, its
standard output and its standard error.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys

__all__ = ["LIBRARIES", "main"]

LIBRARIES = (
    "bnpo.experiment.definition",
    "bnpo.envs.reacher.goal_reacher",
    "gymnasium.envs.mujoco",
    "gymnasium_robotics",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
)
"""What takes long to load; none of it starts a thread or opens OpenGL."""

_MODULE = "import runpy; runpy.run_module({!r}, run_name='__main__', alter_sys=True)"


def main(*, preloading: bool = sys.platform == "linux") -> None:
    """Serve; a process that was forked runs its module.

    Args:
        preloading: with the libraries loaded; else every process is a fresh interpreter, since
            on other systems than Linux they do not outlive a fork

    """
    if preloading:
        gc.disable()  # there is nothing to collect
        from bnpo.envs.python import safe_children

        with safe_children():
            for name in LIBRARIES:
                importlib.import_module(name)
        _register(int(sys.argv[1]))
        gc.enable()
        gc.freeze()  # what is there stays as it is, in memory that all processes share
    if not _serve(socket.socket(fileno=0)):
        return
    module, *words = json.loads(sys.stdin.readline())
    if not preloading:
        from bnpo.envs.python import python

        os.execv(sys.executable, python(_MODULE.format(module), *words))
    sys.argv[1:] = words
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _register(descriptor: int) -> None:
    """Register the environments that the program which started this one has registered."""
    from bnpo.envs.registrations import register_others

    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        register_others(file.read())


def _serve(control: socket.socket) -> bool:
    """Fork processes until nobody asks any more; True in one that was forked."""
    lines: dict[int, socket.socket] = {}
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _tell_ended(lines)
        if control not in ready:
            continue
        _, files, _, _ = socket.recv_fds(control, 1, 3)
        if not files:
            return False
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.detach()  # its number becomes that of the standard input
            for other in (woken, waker, *lines.values()):
                other.close()
            _take_over(files)
            return True
        line, *outputs = files
        lines[pid] = socket.socket(fileno=line)
        for output in outputs:
            os.close(output)


def _tell_ended(lines: dict[int, socket.socket]) -> None:
    """Tell the exit status of every process that has ended."""
    for pid in [*lines]:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with lines.pop(pid) as line, contextlib.suppress(OSError):  # nobody may be left
                line.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _take_over(files: list[int]) -> None:
    """Become a process of its own session with these files as standard input, output and error."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)


if __name__ == "__main__":
    main()
