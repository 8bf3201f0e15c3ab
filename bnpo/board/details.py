"""What the board tells of one run beside its figures: record, output, notes and films."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bnpo.board.tails import end_of, is_own_file
from bnpo.compose.overrides import differing_keys, flatten
from bnpo.errors import RunError, printable
from bnpo.files import read_json
from bnpo.runs import load_config

__all__ = ["FILM_TYPES", "console", "differences", "film", "films", "notes", "record", "settings"]

FILM_TYPES = {
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".webm": "video/webm",
}
"""Files that are shown, and what a browser is told that they are."""

_FILM_FOLDERS = ("pictures",)
_NO_FILM = "learning_curve.png"
"""A picture of what the board draws itself."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}")
_TAIL = 64_000
"""Bytes of output at most, from its end."""

_NOTES = 20_000
_NOTE_FILES = ("notes.md", "notes.txt", "README.md")
_LONGEST = 2_000
"""Characters of a line at most."""


def console(folder: Path) -> str:
    """Return the last part of what a run has printed, without what steers a terminal."""
    text, cut = end_of(folder / "cout.txt", _TAIL)
    lines = [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]
    if cut:
        lines[0] = "..."
    return "\n".join(printable(line.expandtabs(8))[:_LONGEST] for line in lines)


def notes(folder: Path) -> list[tuple[str, str]]:
    """Return where each note on a run comes from, and its text.

    Notes are the comment of the record (``bnpo -c TEXT``) and the files notes.md, notes.txt and
    README.md in the run's folder.
    """
    comment = _part(_record(folder), "meta", "comment")
    texts = [("comment", comment)] if isinstance(comment, str) and comment else []
    for name in _NOTE_FILES:
        text, _ = end_of(folder / name, _NOTES)
        if text.strip():
            texts.append((name, text))
    return texts


def record(folder: Path) -> list[tuple[str, str]]:
    """Return what the record of a run tells of its making, by name."""
    content = _record(folder)
    facts = {
        "started": _time(content.get("start_time")),
        "ended": _time(content.get("stop_time")),
        "sign of life": _time(content.get("heartbeat")),
        "resumed": content.get("resumed"),
        "named": " ".join(map(str, _listed(_part(content, "meta", "named_configs")))),
        "set": " ".join(map(str, _listed(_part(content, "meta", "overrides")))),
        "machine": _part(content, "host", "hostname"),
        "processor": _part(content, "host", "cpu"),
        "Python": _part(content, "host", "python_version"),
        "failure": "\n".join(map(str, _listed(content.get("fail_trace"))[-3:])),
    }
    return [(name, str(value)[:_LONGEST]) for name, value in facts.items() if value]


def settings(folder: Path) -> list[tuple[str, Any]]:
    """Return every key of a run's configuration, by path; none where it is damaged."""
    try:
        return [*flatten(load_config(folder))]
    except RunError:
        return []


def differences(folders: Sequence[Path]) -> list[tuple[str, list[Any]]]:
    """Return the keys on which the configurations of runs differ, with the value of each."""
    configs = []
    for folder in folders:
        try:
            configs.append(load_config(folder))
        except RunError:
            configs.append({})
    return differing_keys(configs)


def films(folder: Path) -> list[tuple[str, int]]:
    """Return the films and pictures of a run with the time of each, by their path in its folder."""
    paths = []
    for place in (folder, *(folder / name for name in _FILM_FOLDERS)):
        if not place.is_dir() or (place != folder and place.is_symlink()):
            continue
        for path in sorted(place.iterdir()):
            if path.name == _NO_FILM or path.suffix not in FILM_TYPES:
                continue
            if _NAME.fullmatch(path.name) and is_own_file(path):
                paths.append((path.relative_to(folder).as_posix(), path.stat().st_mtime_ns))
    return sorted(paths, key=lambda one: (one[0].endswith(".png"), one[0]))


def film(folder: Path, name: str) -> Path | None:
    """Return the file of a film or picture that :func:`films` names, None for any other."""
    return folder / name if name in dict(films(folder)) else None


def _record(folder: Path) -> dict[str, Any]:
    try:
        content = read_json(folder / "run.json")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _part(content: dict[str, Any], *keys: str) -> Any:
    value: Any = content
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _time(value: Any) -> str | None:
    """Return a time of the record, which is in UTC, to the second."""
    return f"{value[:19].replace('T', ' ')} UTC" if isinstance(value, str) else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
