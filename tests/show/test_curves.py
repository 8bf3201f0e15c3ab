"""Curves of runs as numbers: figures over steps and seconds, means over seeds, labels of groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnpo
from bnpo.errors import ConfigError
from bnpo.experiment.pooling import group_runs
from bnpo.show.curves import Curve, curve_of, figures_of, pooled
from bnpo.types.history import History, Record
from bnpo.types.stream import Scalars


def history(*values: float, metric: Any = "success_rate") -> History:
    """A run evaluated every 100 steps, each of which took a tenth of a second."""
    records = [
        Record(
            env_steps=100 * number,
            gradient_steps=0,
            wall_s=10.0 * number,
            episodes=10,
            success_rate=value,
            mean_return=-value,
            mean_length=1.0,
            brains={"ppo": {"kl": 0.1 * number}},
        )
        for number, value in enumerate(values, 1)
    ]
    line = Scalars(env_steps=50, wall_s=5.0, values={"rollout/return": -3.0, "ppo/kl": 0.5})
    return History(metric=metric, records=records, training=[line])


def test_a_figure_comes_from_evaluations_or_the_stream() -> None:
    run = history(0.25, 0.5)
    success = curve_of(run, "success_rate", "seconds")
    assert (success.x.tolist(), success.y.tolist()) == ([10.0, 20.0], [0.25, 0.5])
    assert curve_of(run, "rollout/return").x.tolist() == [50.0]
    assert curve_of(run, "ppo/kl").y.tolist() == [0.5]  # the stream has it, which is denser
    assert {"success_rate", "mean_return", "ppo/kl", "rollout/return"} <= set(figures_of(run))
    with pytest.raises(ConfigError, match="'mean_retrun'; did you mean 'mean_return'"):
        curve_of(run, "mean_retrun")


def test_seeds_are_pooled_where_all_have_values() -> None:
    first = Curve(x=np.array([0.0, 10.0, 20.0]), y=np.array([0.0, 1.0, 2.0]))
    second = Curve(x=np.array([5.0, 15.0, 25.0]), y=np.array([2.0, 4.0, 4.0]))
    mean = pooled([first, second])
    # Between 5 and 20: the first has 0.5, 1, 1.5, 2 there, the second 2, 3, 4, 4.
    assert mean.x.tolist() == [5.0, 10.0, 15.0, 20.0]
    assert mean.y.tolist() == [1.25, 2.0, 2.75, 3.0]
    # Of two runs drawn with replacement, each pair is the same run twice with probability 1/4, so
    # that the 95 % interval reaches from the lower run to the upper one.
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert mean.high.tolist() == [2.0, 3.0, 4.0, 4.0]
    assert pooled([first]) is first


def test_groups_are_drawn_as_mean_and_interval_with_their_labels() -> None:
    figure = bnpo.plot(
        {"ours": [history(0.1, 0.9), history(0.3, 1.0)], "theirs": history(0.2, 0.4)}
    )
    (axes,) = figure.axes
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["ours (2 seeds)", "theirs"]
    mean, single = (line for line in axes.get_lines() if line.get_label() in labels)
    assert np.asarray(mean.get_ydata()).tolist() == pytest.approx([0.2, 0.95])
    assert np.asarray(single.get_ydata()).tolist() == [0.2, 0.4]
    assert len(axes.collections) == 1
    alone = bnpo.plot(history(-3.0, -2.0, metric="mean_return"), x="seconds")
    assert alone.axes[0].get_xlabel() == "seconds of training"
    assert "training episodes" in alone.axes[0].get_legend_handles_labels()[1]
    with pytest.raises(ConfigError, match="x = 'hours': allowed is steps or seconds"):
        bnpo.plot(history(0.1), x="hours")  # type: ignore[arg-type]


def test_runs_that_differ_by_their_seed_are_a_group(tmp_path: Path) -> None:
    def run(name: str, **fields: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        brains = {"ppo": {"lr_actor": fields.pop("lr", 1e-3)}}
        config = {"env": "bnpo/GoalReacher-v0", "env_kwargs": {}, "preset": "ppo", "agent": {}}
        (folder / "config.json").write_text(json.dumps({**config, "brains": brains, **fields}))
        return folder

    folders = [run("1", seed=0), run("2", seed=0, lr=0.5), run("3", seed=4, video="off")]
    first, second = group_runs(folders)
    assert (first.label, first.folders, first.seeds) == (
        "ppo brains.ppo.lr_actor=0.001",
        [folders[0], folders[2]],
        [0, 4],
    )
    assert second.label == "ppo brains.ppo.lr_actor=0.5, seed 0"
    twice = group_runs([folders[0], run("4", seed=0)])
    assert [group.label for group in twice] == ["ppo"]
    other = run("5", seed=1, env="Reacher-v5")
    assert [group.label for group in group_runs([folders[0], other])] == [
        "ppo on bnpo/GoalReacher-v0, seed 0",
        "ppo on Reacher-v5, seed 1",
    ]
