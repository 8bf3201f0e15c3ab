"""Statistics of few runs against figures worked out by hand and against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest

from bnpo.study.statistics import (
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)

stats = pytest.importorskip("scipy.stats", reason="the extra study is not installed")


def test_interquartile_mean_drops_a_quarter_at_each_end() -> None:
    # 8 runs of two tasks, sorted: 0 1 2 3 4 5 6 100; without two at each end: (2+3+4+5)/4
    band = interquartile_mean([np.array([0.0, 3, 100, 4]), np.array([6.0, 1, 5, 2])])
    assert band.value == pytest.approx(3.5)
    assert band.low < 3.5 < band.high


def test_leading_dimensions_are_kept() -> None:
    rows = np.arange(12.0).reshape(3, 4)
    band = interquartile_mean([rows])
    assert band.value == pytest.approx(rows[:, 1:3].mean(1))
    assert band.low.shape == band.high.shape == (3,)
    # rows differ by 4 everywhere, and each resample takes the same runs of all rows
    assert np.diff(band.low) == pytest.approx([4.0, 4.0])


def test_the_bootstrap_is_stratified() -> None:
    # Tasks without spread leave nothing to draw, however different they are from each other.
    band = interquartile_mean([np.zeros(4), np.ones(4)])
    assert (band.value, band.low, band.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    # 12 runs; the interquartile mean of normal numbers has mean 0
    covered = [
        band.low <= 0 <= band.high
        for band in (interquartile_mean([rng.normal(size=12)]) for _ in range(120))
    ]
    assert 0.84 < np.mean(covered) <= 1.0


def test_one_run_has_no_interval() -> None:
    band = interquartile_mean([np.array([0.7])])
    assert band.value == pytest.approx(0.7)
    assert np.isnan(band.low)
    assert np.isnan(band.high)


def test_a_task_with_one_run_is_kept_in_every_resample() -> None:
    band = interquartile_mean([np.array([10.0]), np.array([0.0, 2.0])])
    # of three runs none is dropped: (10 + 0 + 0) / 3 to (10 + 2 + 2) / 3
    assert (band.value, band.low, band.high) == pytest.approx((4.0, 10 / 3, 14 / 3))


def test_probability_of_improvement_is_mann_and_whitneys() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = rng.integers(0, 5, 7).astype(float), rng.integers(0, 5, 6).astype(float)
    expected = stats.mannwhitneyu(ours, theirs).statistic / (7 * 6)
    assert probability_of_improvement([ours], [theirs]).value == pytest.approx(expected)


def test_probability_of_improvement_averages_tasks() -> None:
    ours, theirs = [np.array([1.0, 1]), np.array([0.0, 0])], [np.array([0.0, 0])] * 2
    probability = probability_of_improvement(ours, theirs)
    assert probability == pytest.approx((0.75, 0.75, 0.75))  # 1 on the first, 1/2 on the second


def test_performance_profile_is_the_share_above() -> None:
    tasks = [np.array([0.1, 0.5]), np.array([0.5, 0.9])]
    band = performance_profile(tasks, np.array([0.0, 0.3, 0.5, 1.0]))
    assert band.value == pytest.approx([1.0, 0.75, 0.25, 0.0])
    assert band.low[1] == pytest.approx(0.5)
    assert band.high[1] == pytest.approx(1.0)


def test_figures_repeat() -> None:
    scores = [np.random.default_rng(2).random(5)]
    first, second = interquartile_mean(scores), interquartile_mean(scores)
    assert float(first.low) == float(second.low) < float(first.value)
