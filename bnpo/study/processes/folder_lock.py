"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bnpo.runs.folder import FolderLock

__all__ = ["alone"]

PATIENCE = 20.0
"""Longest wait for the runs of a process that was killed (seconds)."""


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[int]:
    """Hold a folder against other processes; yield the lock, which child processes may hold, too.

    The children of a process that was killed end by themselves soon: they are waited for.

    Raises:
        RunError: another process holds the folder.

    """
    lock = FolderLock(folder, PATIENCE)
    try:
        yield lock.descriptor
    finally:
        lock.release()
