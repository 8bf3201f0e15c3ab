"""Figures of an evaluation."""

from __future__ import annotations

import pytest

from bnpo.training.evaluation import Evaluation


@pytest.mark.parametrize(
    ("success", "episodes", "interval"),
    [
        # z² = 3.8415. All of n: centre and half of the width are z²/2n apart from 1 and from each
        # other, so the lower end is 1 / (1 + z²/n): 200 / 203.8415 = 0.98115.
        (1.0, 200, (0.98115, 1.0)),
        (0.0, 10, (0.0, 0.27753)),  # z²/n / (1 + z²/n) = 3.8415 / 13.8415
        # (0.5 + 0.0192073 ± 1.959964 √(0.0025 + 0.00009604)) / 1.038415, under the root 0.0509514
        (0.5, 100, (0.40383, 0.59617)),
        (None, 10, None),
    ],
)
def test_the_interval_of_a_success_rate_is_wilsons(
    success: float | None, episodes: int, interval: tuple[float, float] | None
) -> None:
    evaluation = Evaluation(
        episodes=episodes, success_rate=success, mean_return=-1.0, mean_length=5.0
    )
    assert evaluation.success_interval == pytest.approx(interval, abs=1e-5)
