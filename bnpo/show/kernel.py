"""The kernel of a notebook: whether there is one, and how a run in it is interrupted."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["in_notebook", "interruptible", "shell"]


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    return getattr(shell(), "kernel", None) is not None


def shell() -> Any:
    """Return IPython's shell where one runs, without importing IPython."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """In a notebook, let the first interrupt end the run in good order, the second at once.

    Whoever handles the signal already keeps it; elsewhere this does nothing.

    Args:
        stop: ends the run after its current step

    """
    usable = in_notebook() and threading.current_thread() is threading.main_thread()
    if not usable or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def handle(_signum: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
