"""The checkpoints of a run: the last ones, the best policy, and falling back to an older one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bnpo.errors import CheckpointError
from bnpo.files import PARTIAL
from bnpo.runs.checkpoint import Loaded, check_checkpoint, files_of, load, save_checkpoint
from bnpo.runs.checkpoint_files import NAME
from bnpo.runs.row_parts import RowParts, growing

__all__ = ["CheckpointFolder", "Kind", "manifest_of", "steps_of"]

Kind = Literal["last", "best"]
"""Checkpoints of a run: all that decides its future, or the best policy alone."""

_STEMS: dict[Kind, str] = {"last": "step", "best": "best"}
_MANIFEST = re.compile(r"(step|best)-(\d{9,})\.json")
_BEST_KEPT = 2
"""Number of best policies on disk: the last may be of an evaluation that a longer run lacks."""


class CheckpointFolder:
    """Writes the checkpoints of one run, keeps the newest and removes what they do not need."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        """Take the folder, which need not exist yet.

        Args:
            folder: of the checkpoints
            keep: how many of the last ones stay

        """
        self.folder = folder
        self.keep = keep
        self._parts: dict[str, RowParts] = {}
        self._files: dict[str, set[str]] = {}

    def manifests(self, kind: Kind = "last") -> list[Path]:
        """Return the manifests that are there, newest first."""
        manifests = [
            path for path in self.folder.glob(f"{_STEMS[kind]}-*.json") if steps_of(path) >= 0
        ]
        return sorted(manifests, key=steps_of, reverse=True)

    def path(self, kind: Kind, env_steps: int) -> Path:
        """Return where the manifest of a checkpoint lies."""
        return self.folder / f"{_STEMS[kind]}-{env_steps:09d}.json"

    def save(self, state: Mapping[str, Any], env_steps: int) -> None:
        """Write all that decides a run's future; of rows that grow only the new ones.

        Raises:
            CheckpointError: it cannot be written; the ones before still are there.

        """
        whole = "progress" in state
        path = self.path("last", env_steps)
        self._parts = save_checkpoint(
            path, state, growing=growing(state) if whole else {}, parts=self._parts
        )
        self._tidy("last", path, self.keep)

    def save_best(self, policy: Mapping[str, Any], env_steps: int) -> None:
        """Write the best policy so far.

        Raises:
            CheckpointError: it cannot be written; the one before still is there.

        """
        path = self.path("best", env_steps)
        save_checkpoint(path, policy)
        self._tidy("best", path, _BEST_KEPT)

    def restore(self) -> tuple[dict[str, Any], Path, list[str]] | None:
        """Read the newest checkpoint that can be used; None where the run has none.

        Returns:
            Its state, its manifest, and a line for each newer one that cannot be used.

        Raises:
            CheckpointError: there are some and none can be used, or they are of an older format.

        """
        complaints: list[str] = []
        for path in self._required():
            try:
                loaded: Loaded = load(path)
            except CheckpointError as error:
                complaints.append(str(error))
                continue
            self._parts = loaded.parts
            return loaded.state, path, complaints
        if complaints:
            raise CheckpointError("; ".join(complaints))
        return None

    def check(self) -> None:
        """Raise a CheckpointError where there are checkpoints and none can be used."""
        complaints = []
        for path in self._required():
            try:
                return check_checkpoint(path)
            except CheckpointError as error:
                complaints.append(str(error))
        if complaints:
            raise CheckpointError("; ".join(complaints))
        return None

    def forget_best_after(self, env_steps: int) -> None:
        """Remove best policies of evaluations that a resumed run has yet to make."""
        for path in self.manifests("best"):
            if steps_of(path) > env_steps:
                path.unlink()

    def _required(self) -> list[Path]:
        manifests = self.manifests()
        old = self.folder / "last.pt"
        if not manifests and old.exists():
            raise CheckpointError(f"checkpoint {old} has format 1; this version reads 2 and later")
        return manifests

    def _tidy(self, kind: Kind, newest: Path, keep: int) -> None:
        """Remove older checkpoints, those of a future that a run turned back from, and leavings."""
        now = steps_of(newest)
        ahead = [path for path in self.manifests(kind) if steps_of(path) > now]
        behind = [path for path in self.manifests(kind) if steps_of(path) <= now]
        self._files.pop(newest.name, None)
        with contextlib.suppress(OSError):  # what stays takes room and does no harm
            for path in [*ahead, *behind[keep:]]:
                path.unlink()
            needed = self._needed()
            for path in self.folder.iterdir():
                if path.name not in needed and _is_own(path):
                    path.unlink()

    def _needed(self) -> set[str]:
        """Return the files that the manifests list; each manifest is read once."""
        paths = [*self.manifests("last"), *self.manifests("best")]
        known = {path.name: self._files.get(path.name) for path in paths}
        self._files = {path.name: known[path.name] or files_of(path) for path in paths}
        return set().union(*self._files.values())


def manifest_of(folder: Path, kind: Kind = "last") -> Path:
    """Return the newest manifest in a folder of checkpoints, or where the first would lie."""
    checkpoints = CheckpointFolder(folder)
    manifests = checkpoints.manifests(kind)
    return manifests[0] if manifests else checkpoints.path(kind, 0)


def _is_own(path: Path) -> bool:
    """Return whether a file is one of a checkpoint's, whole or left over, and not another."""
    name = path.name.removesuffix(PARTIAL)
    leaving = name != path.name and _MANIFEST.fullmatch(name) is not None
    return leaving or NAME.fullmatch(name) is not None


def steps_of(path: Path) -> int:
    """Return the environment steps of a manifest; -1 for another file."""
    matched = _MANIFEST.fullmatch(path.name)
    return int(matched[2]) if matched else -1
