"""The parent of a study's process: when it is gone, the process stops in good order."""

from __future__ import annotations

import os
import signal

__all__ = ["follow_parent"]


def follow_parent() -> None:
    """Stop the run in good order when the study is gone: its end of the pipe closes then."""
    while os.read(0, 1):  # not sys.stdin, whose lock would be held at the end of the process
        pass
    os.kill(os.getpid(), signal.SIGTERM)
