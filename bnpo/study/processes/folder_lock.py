"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from bnpo.errors import RunError

__all__ = ["alone"]

PATIENCE = 20.0
"""Seconds to wait for the runs of a process that was killed."""


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[int]:
    """Hold a folder against other processes; yield the lock, which child processes may hold, too.

    The children of a process that was killed end by themselves soon: they are waited for.

    Raises:
        RunError: another process holds the folder.

    """
    with (folder / ".lock").open("w") as file:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise RunError(f"folder {folder} is in use by another process") from None
                time.sleep(0.2)
        yield file.fileno()
