"""The training stream of a run in its folder: ``training.jsonl``, a line of JSON for each entry.

A line holds ``env_steps``, ``wall_s`` (seconds of training), ``time`` (seconds since 1970, when it
was written) and scalars by ``group/quantity``: ``rollout/return``, ``rollout/length``,
``rollout/success``, ``rollout/score``, ``rollout/episodes`` (how many the means are of),
``time/env_steps_per_s``, ``time/gradient_steps_per_s``, ``time/gradient_steps``,
``time/evaluation_s``, ``time/checkpoint_s``, ``BRAIN/quantity`` and what callbacks log. A scalar
that has no value since the line before is absent. Lines are appended while the run goes on; a
reader passes over a last line that is not whole.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnpo.errors import RunError
from bnpo.files import write_whole
from bnpo.types.stream import Scalars

__all__ = ["STREAM", "StreamFile", "read_stream", "rows_of"]

STREAM = "training.jsonl"
"""Name of the file."""

_LARGEST = 2**63
"""Counts are smaller."""


def read_stream(folder: Path) -> list[Scalars]:
    """Return the training stream of a run, empty where it has none.

    Raises:
        RunError: the file cannot be read.

    """
    return [Scalars.of_row(row) for row in _rows(folder / STREAM)]


class StreamFile:
    """Appends lines to the training stream of a run."""

    def __init__(self, folder: Path) -> None:
        """Write into a run's folder."""
        self.path = folder / STREAM

    def append(self, scalars: Scalars) -> None:
        """Write a line.

        Raises:
            OSError: it cannot be written.

        """
        line = json.dumps({"time": round(time.time(), 3), **scalars.row()}) + "\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def rewind(self, env_steps: int) -> list[Scalars]:
        """Take back what was written after so many environment steps; return what stays.

        Raises:
            OSError: it cannot be written.

        """
        if not self.path.exists():
            return []
        rows = [row for row in _rows(self.path) if row["env_steps"] <= env_steps]
        self._write(rows)
        return [Scalars.of_row(row) for row in rows]

    def replace(self, stream: Sequence[Scalars]) -> None:
        """Write a whole stream.

        Raises:
            OSError: it cannot be written.

        """
        now = round(time.time(), 3)
        self._write([{"time": now, **scalars.row()} for scalars in stream])

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        write_whole(self.path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a stream that are whole."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    return rows_of(text)


def rows_of(text: str) -> list[dict[str, Any]]:
    """Return the lines of a piece of a stream that are whole, as dicts of numbers."""
    rows = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
            if _is_whole(row):
                rows.append(row)
    return rows


def _is_whole(row: Any) -> bool:
    """Whether a line holds numbers alone, and steps and seconds that can be."""
    if not isinstance(row, dict) or not {"env_steps", "wall_s"} <= set(row):
        return False
    numbers = all(
        isinstance(value, float) or (type(value) is int and abs(value) < _LARGEST)
        for value in row.values()
    )
    steps, seconds = row["env_steps"], row["wall_s"]
    return numbers and isinstance(steps, int) and steps >= 0 and 0.0 <= seconds < math.inf
