"""Folders of runs and studies below a folder, and the runs that studies still wait for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bnpo.errors import RunError

__all__ = ["RunFolders", "require_runs", "run_folders"]

_DEEPEST = 4
"""Levels of folders below which no run is looked for: a study lies at ``studies/NAME/runs/RUN``."""

_INSIDE = ("_sources", "checkpoints", "figures", "logs", "tensorboard", "node_modules")
"""Folders that hold no run, and may hold very many files."""


@dataclass
class RunFolders:
    """The runs and studies below a folder, by their path from there."""

    runs: dict[str, Path] = field(default_factory=dict)
    """Folders with a config.json"""

    waiting: dict[str, Path] = field(default_factory=dict)
    """Configurations of runs that a study has planned and not begun, under the run's path"""

    studies: dict[str, Path] = field(default_factory=dict)
    """Folders with a study.json"""


def run_folders(root: Path) -> RunFolders:
    """Return the runs and studies below a folder; links are not followed."""
    folders = RunFolders()
    if _has(root, "config.json"):
        folders.runs[root.name] = root
        return folders
    _descend(root, root, folders, _DEEPEST)
    for name, folder in folders.studies.items():
        below = "" if name == "." else f"{name}/"
        for path in sorted(_files(folder / "configs", ".json")):
            run = f"{below}runs/{path.stem}"
            if run not in folders.runs:
                folders.waiting[run] = path
    return folders


def require_runs(root: Path) -> None:
    """Raise a RunError unless there is a run below a folder, or a study that waits for one."""
    if not root.is_dir():
        raise RunError(f"folder {root} is missing: no runs are there")
    folders = run_folders(root)
    if not folders.runs and not folders.waiting:
        raise RunError(
            f"folder {root} holds no run: allowed is a folder of runs, of a study or of studies"
        )


def _descend(folder: Path, root: Path, folders: RunFolders, levels: int) -> None:
    """Take up the runs and studies in a folder."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if _is_of_interest(entry))
    except OSError:  # it is gone, or not for us to read
        return
    if _has(folder, "study.json"):
        folders.studies[folder.relative_to(root).as_posix()] = folder
    for name in names:
        path = folder / name
        if _has(path, "config.json"):
            folders.runs[path.relative_to(root).as_posix()] = path
        elif levels > 1:
            _descend(path, root, folders, levels - 1)


def _has(folder: Path, name: str) -> bool:
    """Whether there is a file of that name which we may read."""
    try:
        return (folder / name).is_file()
    except OSError:
        return False


def _is_of_interest(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _INSIDE:
        return False
    return entry.is_dir(follow_symlinks=False)


def _files(folder: Path, ending: str) -> Iterator[Path]:
    """Yield the files of a folder that is no link, if there is one."""
    with contextlib.suppress(OSError):
        if folder.is_symlink() or not folder.is_dir():
            return
        for path in folder.iterdir():
            if path.suffix == ending and not path.is_symlink():
                yield path
