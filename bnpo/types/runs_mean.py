"""Curves of several runs: what they are drawn over, and their mean with its interval."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Axis", "mean_of_runs"]

Values = NDArray[np.float64]

Axis = Literal["steps", "seconds"]
"""What a curve is drawn over: environment steps, or seconds of training."""

_RESAMPLES = 1_000
"""Draws of the bootstrap."""


def mean_of_runs(values: Values) -> tuple[Values, Values, Values]:
    """Return the mean over runs and both ends of its 95 % bootstrap interval, [P] each.

    The interval is that of percentiles; its draws are always the same.

    Args:
        values: [R, P], nan where a run has none; there is one in each column. The ends are nan
            where there is but one.

    """
    runs, counted = len(values), np.isfinite(values)
    sums = np.where(counted, values, 0.0)
    mean = sums.sum(0) / counted.sum(0)
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(runs, np.full(runs, 1 / runs), _RESAMPLES)  # [B, R], how often
    with np.errstate(invalid="ignore"):
        resampled = drawn @ sums / (drawn @ counted)  # [B, P], nan where none of those runs counts
    low, high = np.nanquantile(resampled, (0.025, 0.975), axis=0)
    alone = counted.sum(0) < 2
    low[alone] = high[alone] = np.nan
    return mean, low, high
