"""Statistics of few runs: interquartile means, intervals, improvement, performance profiles.

After Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (2021).
The bootstrap is stratified: each task's runs are drawn anew among themselves. It is SciPy's; the
authors' own package, rliable, has had no release since 2024, and the ``arch`` that it imports
fails with pandas 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnpo.extras import require

__all__ = [
    "Band",
    "Interval",
    "interquartile_mean",
    "performance_profile",
    "probability_of_improvement",
]

Values = NDArray[Any]
CONFIDENCE = 0.95
RESAMPLES = 2_000


class Interval(NamedTuple):
    """A figure with its confidence interval; nan where one run per task allows none."""

    value: float
    low: float
    high: float


class Band(NamedTuple):
    """Several figures with their confidence intervals, [N] each."""

    value: Values
    low: Values
    high: Values


def interquartile_mean(tasks: Sequence[Values]) -> Band:
    """Return the mean of the middle half of the runs of all tasks.

    Args:
        tasks: scores of each task, [..., R]; the leading dimensions are kept

    """
    return _band(tasks, lambda *samples: _trimmed(np.concatenate(samples, -1)))


def _trimmed(scores: Values) -> Values:
    stats = require("scipy.stats", "study", "the statistics of a study")
    return np.asarray(stats.trim_mean(scores, 0.25, axis=-1))


def probability_of_improvement(ours: Sequence[Values], theirs: Sequence[Values]) -> Interval:
    """Return the probability that a run of ours is better than one of theirs on the same task.

    P(X > Y) + P(X = Y) / 2 on each task (the statistic of Mann and Whitney, divided by its largest
    value), averaged over the tasks.

    Args:
        ours: scores of each task, [R]
        theirs: scores of the same tasks, [R]

    """
    number = len(ours)

    def statistic(*samples: Values) -> Values:
        better = [
            np.sign(x[..., :, None] - y[..., None, :]).mean((-2, -1)) / 2 + 0.5
            for x, y in zip(samples[:number], samples[number:], strict=True)
        ]
        return np.asarray(np.mean(better, axis=0))

    band = _band([*ours, *theirs], statistic)
    return Interval(*(float(part) for part in band))


def performance_profile(tasks: Sequence[Values], thresholds: Values) -> Band:
    """Return the share of runs whose score is above each threshold, averaged over the tasks.

    Args:
        tasks: scores of each task, [R]
        thresholds: [N]

    Returns:
        Figures [N] each.

    """
    above = [(scores[None, :] > thresholds[:, None]).astype(float) for scores in tasks]

    def statistic(*samples: Values) -> Values:
        return np.asarray(np.mean([sample.mean(-1) for sample in samples], axis=0))

    return _band(above, statistic)


def _band(samples: Sequence[Values], statistic: Callable[..., Values]) -> Band:
    """Return a statistic with the percentile interval of its stratified bootstrap.

    A task with a single run is kept as it is: there is nothing to draw from.
    """
    value = statistic(*samples)
    drawn = [index for index, sample in enumerate(samples) if sample.shape[-1] > 1]
    if not drawn:
        return Band(value, np.full_like(value, np.nan), np.full_like(value, np.nan))

    def of_drawn(*resampled: Values, axis: int) -> Values:
        assert axis == -1
        rows = iter(resampled)
        shape = (*resampled[0].shape[:-1], 1)
        whole = [
            next(rows) if index in drawn else np.broadcast_to(sample[..., None, :], shape)
            for index, sample in enumerate(samples)
        ]
        return statistic(*whole)

    stats = require("scipy.stats", "study", "the statistics of a study")
    interval = stats.bootstrap(
        [samples[index] for index in drawn],
        of_drawn,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        axis=-1,
        batch=500,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Band(value, np.asarray(interval.low), np.asarray(interval.high))
