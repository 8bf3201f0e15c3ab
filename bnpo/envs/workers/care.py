"""What happens to workers that die, hang or raise."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

from bnpo.envs.arguments import require_choice, require_int, require_number

__all__ = ["STUCK", "WorkerCare", "interrupting"]

STUCK = "no step or reset of it ended within worker_timeout = {:g} s"
"""Message about a worker that hangs, with a place for the timeout (seconds)."""

_MAKING = 120.0
"""Least time that a worker has for all that is no step and no reset (seconds)."""


@dataclass(frozen=True, kw_only=True)
class WorkerCare:
    """How long to wait for a worker, and what to do when it fails."""

    on_failure: Literal["stop", "restart"] = "stop"
    """stop: all workers are ended and the failure is raised. restart: a new process takes over with
    fresh episodes, seeded by seed, environment and number of the restart."""

    timeout: float = 30.0
    """Longest time that one step or reset of one environment may take (seconds)."""

    restarts: int = 10
    """Number of restarts of all workers together, after which a failure is raised."""

    def __post_init__(self) -> None:
        """Refuse settings under which no worker could be cared for."""
        require_choice("on_failure", self.on_failure, ("stop", "restart"))
        require_number("timeout", self.timeout, minimum=0.0, exclusive=True)
        require_int("restarts", self.restarts, minimum=1)

    def longest_wait(self, request: str) -> float:
        """Return the longest wait for the answer to a request, by its name (seconds)."""
        return self.timeout if request in ("step", "reset") else max(self.timeout, _MAKING)


@contextmanager
def interrupting(timeout: float, done: Callable[[], int]) -> Iterator[None]:
    """Raise a TimeoutError in Python code of the main thread that does not get on for a time.

    A timer that somebody else has set is left alone: nothing is raised then.

    Args:
        timeout: the time (seconds)
        done: tells how far it has got

    """
    elsewhere = threading.current_thread() is not threading.main_thread()
    if elsewhere or signal.getitimer(signal.ITIMER_REAL)[0] > 0.0:
        yield
        return
    seen, rings = done(), 0

    def ring(_signum: int, _frame: FrameType | None) -> None:
        nonlocal seen, rings
        rings = rings + 1 if done() == seen else 0
        seen = done()
        if rings > 1:  # one alone may have been waiting while the program was stopped
            raise TimeoutError(STUCK.format(timeout))

    before: Any = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, timeout / 2, timeout / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
