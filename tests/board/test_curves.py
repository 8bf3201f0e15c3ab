"""Curves: scalars of evaluations and stream, means over seeds with their interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bnpo.board.curves import Curve, CurveFiles, pooled
from tests.board.conftest import leave_run, stream


def curve(steps: list[float], values: list[float], *, whole: bool = True) -> Curve:
    places = np.array(steps, np.float64)
    return Curve(places, places / 50.0, np.array(values, np.float64), whole)


def test_every_scalar_of_a_run_is_a_curve(runs: Path) -> None:
    curves = CurveFiles().of(runs / "1")
    success = curves["success_rate"]
    assert success.steps.tolist() == [100, 200, 300]
    assert success.seconds.tolist() == [2, 4, 6]
    assert success.values.tolist() == [0.0, 0.2, 0.4]
    assert success.whole
    assert curves["ddpg/q_value"].values.tolist() == [0.0, 2.0, 4.0]
    assert not {"env_steps", "wall_s", "episodes"} & {*curves}
    assert "mean_score" not in curves  # the task has none
    assert not CurveFiles().of(runs / "2")["success_rate"].whole


def test_the_training_stream_is_denser_than_the_evaluations(runs: Path) -> None:
    rows = [{"env_steps": 50 * i, "wall_s": 1.0 * i, "ddpg/q_value": 3.0 * i} for i in (1, 2, 3, 4)]
    stream(runs / "1", {"env_steps": float("nan"), "wall_s": 1.0, "ddpg/q_value": 0.0})
    stream(runs / "1", *rows, {"env_steps": 250, "wall_s": 5.0, "rollout/return": -7.0})
    curves = CurveFiles().of(runs / "1")
    assert curves["ddpg/q_value"].steps.tolist() == [50, 100, 150, 200]
    assert curves["rollout/return"].values.tolist() == [-7.0]
    assert curves["success_rate"].steps.tolist() == [100, 200, 300]


def test_only_what_was_added_to_a_stream_is_read(runs: Path) -> None:
    files, place = CurveFiles(), runs / "1" / "training.jsonl"
    stream(runs / "1", {"env_steps": 50, "wall_s": 1.0, "rollout/return": -7.0})
    assert files.of(runs / "1")["rollout/return"].values.tolist() == [-7.0]
    with place.open("a") as file:
        file.write('{"env_steps": 100, "wall_s": 2.0, "rollout/re')
    assert files.of(runs / "1")["rollout/return"].values.tolist() == [-7.0]
    with place.open("a") as file:
        file.write('turn": -6.0}\n')
    assert files.of(runs / "1")["rollout/return"].values.tolist() == [-7.0, -6.0]
    place.unlink()  # a resumed run writes it anew
    stream(runs / "1", {"env_steps": 50, "wall_s": 1.0, "rollout/return": -5.0})
    assert files.of(runs / "1")["rollout/return"].values.tolist() == [-5.0]


def test_a_stream_without_an_evaluation_is_drawn(runs: Path) -> None:
    leave_run(runs / "3", [], through=False)
    stream(runs / "3", {"env_steps": 50, "wall_s": 1.0, "rollout/return": -7.0})
    assert [*CurveFiles().of(runs / "3")] == ["rollout/return"]


def test_what_is_not_finite_is_left_out(runs: Path) -> None:
    leave_run(runs / "3", [0.1, float("nan"), 0.3], through=False)
    text = (runs / "3" / "history.json").read_text().replace("NaN", "0.2", 1)  # of success alone
    (runs / "3" / "history.json").write_text(text)
    curves = CurveFiles().of(runs / "3")
    assert curves["success_rate"].values.tolist() == [0.1, 0.2, 0.3]
    assert curves["mean_return"].steps.tolist() == [100, 300]


def test_a_curve_grows_with_its_run(runs: Path) -> None:
    files = CurveFiles()
    assert len(files.of(runs / "2")["success_rate"].values) == 2
    leave_run(runs / "2", [1.0, 1.0, 0.9], seed=1, through=False)
    assert files.of(runs / "2")["success_rate"].values.tolist() == [1.0, 1.0, 0.9]


def test_the_mean_over_seeds_and_its_interval() -> None:
    # Of two runs a resample has the mean 0, 0.5 or 1 with probabilities 1/4, 1/2 and 1/4, so that
    # the quantiles at 2.5 % and 97.5 % are the ends.
    mean = pooled([curve([100, 200], [0.0, 0.0]), curve([100, 200], [1.0, 1.0])], "steps")
    assert mean.places.tolist() == [100, 200]
    assert mean.mean.tolist() == [0.5, 0.5]
    assert (mean.low.tolist(), mean.high.tolist()) == ([0, 0], [1, 1])
    assert mean.runs.tolist() == [2, 2]


def test_the_interval_is_that_of_the_bootstrap() -> None:
    # Nine equal draws of nine runs, one of them 9 and the others 0: the mean of a resample is the
    # number of times K that the one is drawn, K ~ Binomial(9, 1/9). P(K = 0) = 0.346 > 0.025;
    # P(K <= 3) = 0.987 and P(K <= 2) = 0.933, so the upper quantile at 0.975 is 3.
    values = [9.0] + [0.0] * 8
    mean = pooled([curve([100], [value]) for value in values], "steps")
    assert (mean.mean[0], mean.low[0], mean.high[0]) == (1.0, 0.0, 3.0)


def test_between_evaluations_a_curve_is_a_line() -> None:
    mean = pooled([curve([0, 100], [0.0, 1.0]), curve([50], [0.0])], "steps")
    assert mean.places.tolist() == [0, 50, 100]
    # the second has no value before its first, and keeps its last, since it is through
    assert mean.runs.tolist() == [1, 2, 2]
    assert mean.mean.tolist() == [0.0, 0.25, 0.5]
    assert np.isnan(mean.low[0])


def test_a_run_that_goes_on_counts_as_far_as_it_has_come() -> None:
    late = curve([100, 200, 300], [0.0, 0.0, 0.0])
    mean = pooled([late, curve([100, 200], [1.0, 1.0], whole=False)], "steps")
    assert mean.mean.tolist() == [0.5, 0.5, 0.0]
    assert mean.runs.tolist() == [2, 2, 1]
    assert np.isnan([mean.low[2], mean.high[2]]).all()


def test_seconds_are_an_axis_of_their_own() -> None:
    slow, fast = curve([100, 200], [0.0, 1.0]), curve([100, 200], [0.0, 1.0])
    slow = Curve(slow.steps, slow.seconds * 2, slow.values, slow.whole)
    mean = pooled([slow, fast], "seconds")
    assert mean.places.tolist() == [2, 4, 8]
    assert mean.mean.tolist() == [
        0.0,
        0.5,
        1.0,
    ]  # at 4 s the slow one begins, the fast one is through


@pytest.mark.parametrize("points", [401, 5_000])
def test_few_points_are_drawn(points: int) -> None:
    long = curve([*range(points)], [*range(points)])
    thin = long.thinned()
    assert len(thin.values) == 400
    assert (thin.values[0], thin.values[-1]) == (0, points - 1)
    assert len(pooled([long, long], "steps").mean) == 400
