"""Curves of runs as numbers: a figure over steps or seconds, and the mean over several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnpo.errors import ConfigError, did_you_mean
from bnpo.types.history import History
from bnpo.types.runs_mean import Axis, mean_of_runs

__all__ = ["TRAINING", "Axis", "Curve", "curve_of", "figures_of", "pooled"]

TRAINING = {
    "success_rate": "rollout/success",
    "mean_return": "rollout/return",
    "mean_score": "rollout/score",
}
"""What training episodes tell of the figures of evaluations."""

_COUNTERS = ("env_steps", "wall_s", "episodes")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Values over steps or seconds."""

    x: NDArray[np.float64]
    """Environment steps or seconds, [P]"""

    y: NDArray[np.float64]
    """Values, of several runs their mean, [P]"""

    low: NDArray[np.float64] | None = None
    """Lower end of the 95 % interval of the mean, [P]; None of a single run"""

    high: NDArray[np.float64] | None = None
    """Upper end, [P]"""


def figures_of(history: History) -> list[str]:
    """Return the names of all figures of a run that can be drawn."""
    rows = [record.row() for record in history]
    of_evaluations = [
        name
        for row in rows[-1:]
        for name, value in row.items()
        if value is not None and name not in _COUNTERS
    ]
    names = dict.fromkeys(of_evaluations)
    for scalars in history.training:
        names |= dict.fromkeys(scalars.values)
    return [*names]


def curve_of(history: History, metric: str, x: Axis = "steps") -> Curve:
    """Return a figure of a run: one of its evaluations, or a scalar of its training stream.

    Args:
        history: of the run
        metric: such as ``mean_return``, ``rollout/return`` or ``ddpg/critic_loss``
        x: over environment steps, or over seconds of training

    Raises:
        ConfigError: the run has no figure of that name.

    """
    points = [
        (one.env_steps, one.wall_s, one.values[metric])
        for one in history.training
        if metric in one.values
    ]
    if not points:
        rows = [(record, record.row().get(metric)) for record in history]
        points = [(r.env_steps, r.wall_s, value) for r, value in rows if value is not None]
    if not points and (len(history) or history.training):
        known = figures_of(history)
        if metric not in known:
            raise ConfigError(
                f"metric = {metric!r}{did_you_mean(metric, known)} (allowed: {', '.join(known)})"
            )
    steps, seconds, values = np.array(points, np.float64).reshape(-1, 3).T
    return Curve(x=steps if x == "steps" else seconds, y=values)


def pooled(curves: Sequence[Curve]) -> Curve:
    """Return the mean of several runs where all have values, with the interval of a bootstrap.

    Between its values a run is taken to go straight on.

    Args:
        curves: of one figure, each with a value at least

    """
    if len(curves) == 1:
        return curves[0]
    first, last = max(c.x[0] for c in curves), min(c.x[-1] for c in curves)
    grid = np.unique(np.concatenate([c.x for c in curves]))
    grid = grid[(grid >= first) & (grid <= last)]
    if not len(grid):
        grid = np.array([min(first, last)])
    values = np.stack([np.interp(grid, c.x, c.y) for c in curves])  # [R, P]
    mean, low, high = mean_of_runs(values)
    return Curve(x=grid, y=mean, low=low, high=high)
