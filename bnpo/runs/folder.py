"""The folder of a run: what lies in it, and one process at a time that works on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from bnpo.errors import RunError
from bnpo.files import PARTIAL

__all__ = ["FolderLock", "is_held", "refuse_foreign", "refuse_links", "remove_run", "writing"]

_LOCK = ".lock"
_OWN = {
    "": re.compile(
        r"(config|run|metrics|info|history|summary)\.json|training\.jsonl|cout\.txt"
        r"|learning_curve(-[A-Za-z0-9_-]+)?\.png|games\.(json|png)|policy\.(gif|png|mp4)|checkpoints|pictures|tensorboard|\.lock"
    ),
    "pictures": re.compile(r"[A-Za-z0-9_.-]+-\d{9,}\.(png|gif|mp4)"),
    "checkpoints": re.compile(
        r"(step|best)-\d{9,}\.json|[a-z]+-[0-9a-f]{24}\.safetensors|last\.pt"
    ),
    "tensorboard": re.compile(r"events\.out\.tfevents\..+"),
}
"""Names that training gives to what it leaves in a run's folder, and in the folders of it."""


class FolderLock:
    """Holds a folder against other processes until it is released or this process has ended.

    The lock is the system's: that of a process that has died is free. A file system that has no
    locks holds nothing.
    """

    def __init__(self, folder: Path, patience: float = 1.0) -> None:
        """Take the folder.

        Args:
            folder: must exist; gets a file ``.lock``, which stays
            patience: time to wait for it (seconds)

        Raises:
            RunError: another process holds it, or the file cannot be opened.

        """
        path = folder / _LOCK
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self.descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            raise RunError(f"{path} cannot be opened: {error.strerror}") from None
        deadline = time.monotonic() + patience
        try:
            while _is_taken(self.descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise RunError(f"folder {folder} is in use by another process")
                time.sleep(0.05)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others have the folder; a second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1

    def __del__(self) -> None:
        """Release what nobody uses any more."""
        if hasattr(self, "descriptor"):
            self.release()


def is_held(folder: Path) -> bool:
    """Return whether a process holds a folder by a :class:`FolderLock`; nothing is written."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return _is_taken(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)
    return False


def refuse_links(run: Path) -> None:
    """Raise a RunError where something in a run's folder is a link: it may lead out of it."""
    for path in _entries(run):
        if path.is_symlink():
            raise RunError(f"{path} is a link: allowed are files and folders of the run's own")


def remove_run(run: Path) -> None:
    """Remove a run's folder, which must hold nothing but what training leaves.

    Raises:
        RunError: naming what is not of a run, in which case all stays, or cannot be removed.

    """
    if run.is_symlink() or not run.is_dir():
        raise RunError(f"{run} is no folder of a run: remove it, or take another folder")
    refuse_foreign(run)
    lock = FolderLock(run)
    try:
        for path in sorted(_entries(run), reverse=True):  # what is in a folder before it
            path.rmdir() if path.is_dir() else path.unlink()
        run.rmdir()
    except OSError as error:
        raise RunError(f"{error.filename} cannot be removed: {error.strerror}") from None
    finally:
        lock.release()


def refuse_foreign(run: Path) -> None:
    """Raise a RunError where a folder holds something that training does not leave there."""
    for path in _entries(run):
        above = path.parent.relative_to(run).as_posix().removeprefix(".")
        name = path.name.removesuffix(PARTIAL)
        if path.is_symlink() or not (above in _OWN and _OWN[above].fullmatch(name)):
            raise RunError(f"{path} is of no run: remove {run}, or take another folder")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Tell in one line that a file cannot be written; yield its path.

    Raises:
        RunError: naming the file and why.

    """
    try:
        yield path
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        place = str(error.filename or path).removesuffix(PARTIAL)
        raise RunError(f"{place} cannot be written: {reason}") from None


def _entries(run: Path) -> Iterator[Path]:
    """Yield what lies in a run's folder and in the folders of it; links are not followed."""
    for path in sorted(run.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _entries(path)


def _is_taken(descriptor: int, kind: int) -> bool:
    """Try a lock; whether another process has it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there are no locks here
        return False
    return False
