"""What a node of a cluster does for a run: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnpo.cluster.parcel import Changes, Files, Parcel, unpack
from bnpo.runs.summary import versions

__all__ = ["Work", "work"]

INTERVAL = 0.5
"""Time between two looks at what the process has written (seconds)."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A Python process as a node is to start it."""

    words: Sequence[str]
    """Words of the command after ``python``; files are named from the folder."""

    environ: Mapping[str, str]
    """Changes of the process's environment variables."""

    log: str
    """File to which its output goes, that of a process before it included."""

    output: str | None
    """File to which its standard output goes instead."""

    versions: Mapping[str, str | None]
    """Versions of the packages that the results are to be made with."""


def work(task: Work, files: Files) -> Iterator[Parcel]:
    """Run a process in a new folder with these files; yield what it changes, to its end.

    Raises:
        RuntimeError: the node has other versions.

    """
    _require_same(task.versions)
    with tempfile.TemporaryDirectory(prefix="bnpo-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        unpack(folder, files)
        changes = Changes(folder)
        process = _start(task, folder)
        try:
            status = None
            while status is None:
                try:
                    status = process.wait(INTERVAL)
                except subprocess.TimeoutExpired:
                    status = None
                parcel = changes.look(status)
                while parcel is None and status is not None:  # the last word
                    time.sleep(INTERVAL / 10)
                    parcel = changes.look(status)
                if parcel is not None:
                    yield parcel
        finally:
            process.kill()
            process.wait()


def _start(task: Work, folder: Path) -> subprocess.Popen[bytes]:
    """Start the process, which ends when this one does: its standard input closes then."""
    log = folder / task.log
    log.parent.mkdir(parents=True, exist_ok=True)
    output = log if task.output is None else folder / task.output
    output.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors, output.open("ab") as words:
        return subprocess.Popen(
            [sys.executable, "-P", *task.words],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=errors,
            env={**os.environ, **task.environ},
            start_new_session=True,
        )


def _require_same(wanted: Mapping[str, str | None]) -> None:
    here = versions()
    for name, version in wanted.items():
        if _plain(here.get(name)) != _plain(version):
            raise RuntimeError(
                f"a node has {name} {here.get(name)}, this machine has {version}: results would "
                "differ; give all nodes the same image"
            )


def _plain(version: str | None) -> str | None:
    """Return the version without what it was built for, such as +cpu."""
    return None if version is None else version.partition("+")[0]
