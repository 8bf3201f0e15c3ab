"""Stop signals: the first ends a run in good order, the second at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sacred.utils import SacredInterrupt

__all__ = ["Interrupted", "StopSignals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(SacredInterrupt):
    """A run that ended early, in good order, because of a signal."""

    STATUS = "INTERRUPTED"
    """What sacred writes down as the run's status."""

    def __init__(self, signum: int) -> None:
        """Remember the signal, from which the exit status follows."""
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class StopSignals:
    """What the signals asked for while they were listened to."""

    def __init__(self, stop: Callable[[], None]) -> None:
        """Take what the first signal calls."""
        self.received: int | None = None
        self._stop = stop

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = signum
        self._stop()
        sys.stderr.write("\nstopping after this step (a second signal stops at once)\n")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM; elsewhere than in the main thread this does nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {signum: signal.signal(signum, self._handle) for signum in _SIGNALS}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
