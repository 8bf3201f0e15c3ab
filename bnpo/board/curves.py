"""Curves of runs: any scalar over steps or seconds, and its mean over seeds with an interval."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.board.tails import is_own_file
from bnpo.board.watching import Signature, signature
from bnpo.errors import RunError
from bnpo.runs import load_history
from bnpo.runs.stream import STREAM, rows_of
from bnpo.types.runs_mean import Axis, mean_of_runs

__all__ = ["Axis", "Curve", "CurveFiles", "Pooled", "pooled"]

Values = NDArray[np.float64]
Points = dict[str, list[tuple[float, float, float]]]

_POINTS = 400
"""Points of a curve at most: a screen has few more columns."""

_KEPT = 2_000
"""Runs whose curves are kept in memory."""

_NOT_DRAWN = ("env_steps", "wall_s", "episodes", "time")
"""Columns that say where a row stands, not what was found."""


@dataclass(frozen=True)
class Curve:
    """One scalar of one run."""

    steps: Values
    """Environment steps, [N]"""

    seconds: Values
    """Seconds of training, [N]"""

    values: Values
    """[N], all finite"""

    whole: bool = False
    """Whether the run is through, so that its last value is what its policy keeps"""

    def over(self, axis: Axis) -> Values:
        """Return the places of the values, [N]."""
        return self.steps if axis == "steps" else self.seconds

    def thinned(self) -> Curve:
        """Return a curve of few enough points to be drawn, the first and the last among them."""
        if len(self.values) <= _POINTS:
            return self
        index = np.linspace(0, len(self.values) - 1, _POINTS).round().astype(int)
        return Curve(self.steps[index], self.seconds[index], self.values[index], self.whole)


@dataclass(frozen=True)
class Pooled:
    """The mean of a scalar over runs, and its bootstrap interval; nan where one run is left."""

    places: Values
    """Steps or seconds, [N]"""

    mean: Values
    """[N]"""

    low: Values
    """Lower end of the 95 % interval, [N]"""

    high: Values
    """Upper end, [N]"""

    runs: NDArray[np.int64]
    """How many runs are in the mean, [N]"""


class CurveFiles:
    """The curves of runs, read again when the files of a run have changed."""

    def __init__(self) -> None:
        """Begin with none."""
        self._cached: dict[Path, tuple[Signature, dict[str, Curve]]] = {}
        self._streams: dict[Path, _Stream] = {}
        self._guard = threading.Lock()  # requests are answered by several threads

    def of(self, folder: Path) -> dict[str, Curve]:
        """Return every scalar of a run by name, ``brain/quantity`` for those of a brain.

        Those of the training stream are the denser ones. Nothing is returned of a run without
        evaluations and stream, or with a damaged history.
        """
        with self._guard:
            return self._of(folder)

    def _of(self, folder: Path) -> dict[str, Curve]:
        now = signature(folder)
        cached = self._cached.get(folder)
        if cached is not None and cached[0] == now:
            return cached[1]
        if len(self._cached) >= _KEPT:
            self._cached.clear()
            self._streams.clear()
        points = _evaluations(folder) | self._streams.setdefault(folder, _Stream()).read(folder)
        whole = (folder / "summary.json").is_file()
        curves = {name: _curve(places, whole) for name, places in points.items() if places}
        self._cached[folder] = now, curves
        return curves


class _Stream:
    """The training stream of a run, of which only what was added is read again."""

    def __init__(self) -> None:
        self._file = 0, 0  # inode and bytes read
        self._points: Points = {}

    def read(self, folder: Path) -> Points:
        """Return the points of each scalar so far."""
        if not is_own_file(folder / STREAM):
            return {}
        try:
            with (folder / STREAM).open("rb") as file:
                status = os.fstat(file.fileno())
                inode, read = self._file
                if inode != status.st_ino or read > status.st_size:  # it was written anew
                    read, self._points = 0, {}
                file.seek(read)
                added = file.read(status.st_size - read)
        except OSError:
            return {}
        added = added[: added.rfind(b"\n") + 1]  # the last line may not be whole yet
        self._file = status.st_ino, read + len(added)
        _collect(rows_of(added.decode(errors="replace")), self._points)
        return self._points


def _evaluations(folder: Path) -> Points:
    """Return the points of each scalar of a run's evaluations."""
    points: Points = {}
    with contextlib.suppress(RunError):  # none yet, or damaged
        _collect([one.row() for one in load_history(folder, training=False)], points)
    return points


def _collect(rows: Iterable[Mapping[str, Any]], points: Points) -> None:
    """Add the finite values of rows to the points of each scalar."""
    for row in rows:
        place = float(row["env_steps"]), float(row["wall_s"])
        if not all(map(math.isfinite, place)):
            continue
        for name, value in row.items():
            if name not in _NOT_DRAWN and value is not None and math.isfinite(value):
                points.setdefault(name, []).append((*place, float(value)))


def _curve(points: Sequence[tuple[float, float, float]], whole: bool) -> Curve:
    steps, seconds, values = np.array(points, np.float64).reshape(-1, 3).T
    return Curve(steps, seconds, values, whole)


def pooled(curves: Sequence[Curve], axis: Axis) -> Pooled:
    """Return the mean of a scalar over the runs of a group.

    Between evaluations a curve is a straight line. A run that is through keeps its last value, as
    its policy would; one that is not counts as far as it has come, so that no mean is of values
    that nobody has measured.

    Args:
        curves: one for each run, at least one
        axis: what they are drawn over

    """
    places = np.unique(np.concatenate([curve.over(axis) for curve in curves]))
    if len(places) > _POINTS:
        places = places[np.linspace(0, len(places) - 1, _POINTS).round().astype(int)]
    values = np.stack([_at(curve, axis, places) for curve in curves])  # [R, N]
    runs = np.isfinite(values).sum(0)
    places, values, runs = places[runs > 0], values[:, runs > 0], runs[runs > 0]
    mean, low, high = mean_of_runs(values)
    return Pooled(places, mean, low, high, runs)


def _at(curve: Curve, axis: Axis, places: Values) -> Values:
    """Return a curve at other places, nan where it has no value."""
    beyond = float(curve.values[-1]) if curve.whole else np.nan
    return np.interp(places, curve.over(axis), curve.values, left=np.nan, right=beyond)
