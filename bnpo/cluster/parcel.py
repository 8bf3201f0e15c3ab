"""Files of a folder on their way from one machine to another."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bnpo.files import PARTIAL, write_whole

__all__ = ["Changes", "Parcel", "pack", "unpack"]

Files = dict[str, bytes]
"""Contents of files by path below a folder."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """Content of a folder, as far as the other side does not know it."""

    files: Files
    """New and changed files."""

    names: frozenset[str]
    """Names of all files."""

    status: int | None = None
    """Exit status of the process that writes the files; None while it is at work."""


def pack(folder: Path, paths: Iterable[Path]) -> Files:
    """Return the files at paths below a folder, those of folders included."""
    files = {}
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.name.endswith(PARTIAL):
                files[str(file.relative_to(folder))] = file.read_bytes()
    return files


def unpack(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder, each whole or not at all.

    The manifests of checkpoints come last, when the files that they list are there.
    """
    for name in sorted(files, key=lambda name: (name.endswith(".json"), name)):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{name} is no file of {folder}")
        write_whole(path, files[name], mark=f".{threading.get_ident()}")


class Changes:
    """What changes in a folder from look to look."""

    def __init__(self, folder: Path) -> None:
        """Take the folder as it is: what it holds is known."""
        self.folder = folder
        self._known = self._stamps()

    def _stamps(self) -> dict[str, tuple[int, int]]:
        """Return the time and size of every file."""
        stamps = {}
        for path in self.folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and not path.name.endswith(PARTIAL):
                    stat = path.stat()
                    stamps[str(path.relative_to(self.folder))] = (stat.st_mtime_ns, stat.st_size)
        return stamps

    def look(self, status: int | None = None) -> Parcel | None:
        """Return what has changed; None where nothing has, or while files come and go.

        Args:
            status: of the process that wrote them, if it has ended

        """
        now = self._stamps()
        if now == self._known and status is None:
            return None
        files = {}
        try:
            for name, stamp in now.items():
                if self._known.get(name) != stamp:
                    files[name] = (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        if self._stamps() != now:
            return None  # a checkpoint would not be whole
        self._known = now
        return Parcel(files=files, names=frozenset(now), status=status)
