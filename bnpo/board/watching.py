"""Watching a folder: its runs as rows, of which only those that changed are read again."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from bnpo.board.rows import Row, row_of, waiting_row
from bnpo.board.run_folders import RunFolders, run_folders
from bnpo.runs.stream import STREAM

__all__ = ["Changes", "Watch", "signature"]

_FILES = ("config.json", "run.json", "history.json", "summary.json", STREAM)
"""Files of a run that tell how far it is."""

_SELDOM = 5.0
"""Seconds after which a run that goes on is read again though none of its files has changed."""

Signature = tuple[tuple[int, int, int], ...]
"""Inode, size and time of each file; a file that is written anew has another one."""


def signature(folder: Path) -> Signature:
    """Return what tells whether a run has changed."""
    return tuple(_stat(folder / name) for name in _FILES)


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0
    return status.st_ino, status.st_size, status.st_mtime_ns


class Changes:
    """What is new since a version of the table."""

    def __init__(self, version: int, rows: list[Row], gone: list[str]) -> None:
        """Keep rows that are new or other, and the ids of rows that are no more."""
        self.version = version
        self.rows = rows
        self.gone = gone


class Watch:
    """The rows of a folder, each with the version of the table in which it was last another."""

    def __init__(self, root: Path, rest_s: float = 1.0) -> None:
        """Read all runs below a folder.

        Args:
            root: the folder
            rest_s: time within which it is not looked at twice (seconds)

        """
        self.root = root
        self.rest_s = rest_s
        self.version = 0
        self._folders = RunFolders()
        self._rows: dict[str, Row] = {}
        self._versions: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._signatures: dict[str, Signature] = {}
        self._times: dict[str, float] = {}
        self._looked = float("-inf")
        self._guard = threading.Lock()
        self.look()

    def folder(self, run: str) -> Path | None:
        """Return the folder of a run by its id; None where the board shows no such run."""
        return self._folders.runs.get(run)

    @property
    def studies(self) -> dict[str, Path]:
        """Folders of studies by their path."""
        return self._folders.studies

    def rows(self) -> list[Row]:
        """Return all rows."""
        with self._guard:
            return [*self._rows.values()]

    def since(self, version: int) -> Changes:
        """Return what is new since a version; 0 stands for an empty table."""
        self.look()
        with self._guard:
            rows = [row for run, row in self._rows.items() if self._versions[run] > version]
            gone = [run for run, left in self._gone.items() if left > version > 0]
            return Changes(self.version, rows, gone)

    def look(self) -> None:
        """Read what has changed, unless the folder was looked at just now."""
        with self._guard:
            if time.monotonic() - self._looked < self.rest_s:
                return
            self._folders = run_folders(self.root)
            changed = {
                name: row
                for name in (*self._folders.runs, *self._folders.waiting)
                if (row := self._read(name)) != self._rows.get(name)
            }
            gone = [*self._rows.keys() - self._folders.runs.keys() - self._folders.waiting.keys()]
            if changed or gone:
                self.version += 1
            for name, row in changed.items():
                self._rows[name] = row
                self._versions[name] = self.version
                self._gone.pop(name, None)
            for name in gone:
                del self._rows[name], self._versions[name]
                self._signatures.pop(name, None)
                self._gone[name] = self.version
            self._looked = time.monotonic()

    def _read(self, name: str) -> Row:
        """Return a row, as it was where no file of its run has changed.

        A run that is going on may have been killed without a change of its files.
        """
        before = self._rows.get(name)
        if name in self._folders.waiting:
            return before or waiting_row(name, self._folders.waiting[name])
        folder = self._folders.runs[name]
        now, clock = signature(folder), time.monotonic()
        if before is not None and now == self._signatures.get(name):
            seldom = _SELDOM if before.status == "running" else float("inf")
            if before.status != "waiting" and clock - self._times[name] < seldom:
                return before
        self._signatures[name], self._times[name] = now, clock
        return row_of(name, folder)
