"""The ends of files that grow: what a run has last printed, and the last line of its stream."""

from __future__ import annotations

import json
from pathlib import Path

from bnpo.runs.stream import STREAM

__all__ = ["end_of", "is_own_file", "last_line"]

_LINE = 20_000
"""Bytes in which the last line of a stream is looked for."""


def is_own_file(path: Path) -> bool:
    """Whether a path is a file, and no link, which may lead elsewhere."""
    return path.is_file() and not path.is_symlink()


def end_of(path: Path, most: int) -> tuple[str, bool]:
    """Return the last bytes of a text file, and whether it has more; none of a missing one."""
    try:
        if not is_own_file(path):
            return "", False
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            return file.read(most).decode(errors="replace"), size > most
    except OSError:
        return "", False


def last_line(folder: Path) -> dict[str, float]:
    """Return the numbers of the last whole line of a run's training stream, by name."""
    text, _ = end_of(folder / STREAM, _LINE)
    for line in reversed(text.splitlines()):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            return {str(name): float(value) for name, value in row.items() if _is_number(value)}
    return {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
