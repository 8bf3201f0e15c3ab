"""Stop signals: the first ends a run in good order, the second at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from bnpo.errors import StoppedAtOnce

__all__ = ["StopSignals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Stop signals, and which of them came while they were listened to."""

    def __init__(self, stop: Callable[[], None]) -> None:
        """Take what the first signal calls."""
        self.received: int | None = None
        self._stop = stop

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            raise StoppedAtOnce(signum)
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
