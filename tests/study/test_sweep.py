"""Sweeps: trials, pruning, going on, and what comes out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bnpo.compose.composition import compose
from bnpo.errors import ConfigError, RunError
from bnpo.presets import PRESETS
from bnpo.presets.ranges import RANGES
from bnpo.study import Sweep
from bnpo.study.sweep_plan import Range, SweepPlan
from tests.study.conftest import TINY, Command

optuna = pytest.importorskip("optuna", reason="the extra study is not installed")
States = optuna.trial.TrialState

SEARCHED = {
    "brains.ddpg.lr_actor": {"low": 1e-4, "high": 1e-2, "log": True},
    "brains.ddpg.learning_repeat": {"choices": [4, 8]},
}


def tiny(folder: Path, **settings: Any) -> Sweep:
    plan: dict[str, Any] = {
        "preset": "ddpg_her",
        "ranges": SEARCHED,
        "trials": 2,
        "overrides": TINY,
        "workers": 2,
        **settings,
    }
    return Sweep(folder=folder, **plan)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Return a sweep that is through."""
    sweep = tiny(tmp_path_factory.mktemp("sweep") / "tiny")
    sweep.run(progress_bar=False)
    return sweep


def rows(sweep: Sweep) -> list[dict[str, str]]:
    with (sweep.folder / "trials.csv").open() as file:
        return [*csv.DictReader(file)]


def test_a_sweep_leaves_its_best_configuration(finished: Sweep) -> None:
    assert [row["state"] for row in rows(finished)] == ["complete"] * 2
    best = max(rows(finished), key=lambda row: float(row["value"]))
    config = compose([str(finished.folder / "best.json")], {"seed": 7})
    assert config["seed"] == 7
    assert config["preset"] == "ddpg_her"
    assert config["total_steps"] == TINY["total_steps"]
    lr_actor = config["brains"]["ddpg"]["lr_actor"]
    assert lr_actor in [float(row["brains.ddpg.lr_actor"]) for row in rows(finished)]
    if float(rows(finished)[0]["value"]) != float(rows(finished)[1]["value"]):
        assert lr_actor == float(best["brains.ddpg.lr_actor"])
    with Image.open(finished.folder / "importance.png") as picture:
        assert picture.size[0] > 800


def test_a_sweep_goes_on_and_makes_again_what_was_stopped(
    finished: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = finished.open_study()
    space = {path: one.distribution(optuna) for path, one in finished.ranges.items()}
    stopped = study.ask(space)
    on = tiny(finished.folder, trials=3)
    on.run(progress_bar=False)
    trials = on.open_study().get_trials()
    assert [trial.state for trial in trials] == [States.COMPLETE] * 2 + [
        States.FAIL,
        States.COMPLETE,
    ]
    assert trials[3].params == stopped.params
    monkeypatch.setattr(Sweep, "start", None)  # nothing is left to make
    on.run(progress_bar=False)


def test_another_search_in_the_same_folder_is_refused(finished: Sweep) -> None:
    with pytest.raises(ConfigError, match=r"objective = 'area', this one has 'final'"):
        tiny(finished.folder, objective="final").run(progress_bar=False)


class Told:
    """A process that tells evaluations."""

    def __init__(self, lines: list[dict[str, float]]) -> None:
        self.told = [json.dumps(line) for line in lines]
        self.killed = False

    def lines(self) -> list[str]:
        return self.told

    def terminate(self) -> None:
        self.killed = True

    def wait(self) -> int:
        return -9 if self.killed else 0


def test_trials_below_the_median_are_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = tiny(tmp_path / "sweep", trials=7, workers=1)
    processes = []

    def start(self: Sweep, trial: Any) -> Told:
        value = 0.1 if trial.number == 6 else 0.5 + 0.01 * trial.number
        lines = [{"seed": 0, "env_steps": step, "value": value} for step in range(5)]
        processes.append(Told(lines))
        return processes[-1]

    monkeypatch.setattr(Sweep, "start", start)
    best = sweep.run(progress_bar=False)
    assert [process.killed for process in processes] == [False] * 6 + [True]
    assert rows(sweep)[6]["state"] == "pruned"
    assert str(best["brains.ddpg.lr_actor"]) == rows(sweep)[5]["brains.ddpg.lr_actor"]


def test_objectives() -> None:
    values = {0: [0.0, 0.5, 1.0], 1: [0.0, 0.0, 0.2]}
    for objective, expected in (("area", (0.5 + 0.2 / 3) / 2), ("final", 0.6)):
        sweep = tiny(Path("never-made"), objective=objective)
        assert sweep.objective_of(values) == pytest.approx(expected)


def test_a_sweep_whose_trials_all_fail_says_where_to_look(tmp_path: Path) -> None:
    ranges = {"brains.ddpg.optim_batch_size": {"choices": [1]}}
    with pytest.raises(RunError, match="no trial .* came to an end.*trials"):
        tiny(tmp_path / "sweep", ranges=ranges, trials=1).run(progress_bar=False)
    log = (tmp_path / "sweep" / "trials" / "0.log").read_text()
    assert "optim_batch_size" in log


@pytest.mark.parametrize("preset", RANGES)
def test_declared_ranges_hold_what_the_preset_has(preset: str) -> None:
    assert preset in PRESETS
    plan = SweepPlan(preset=preset)
    config = plan.config({})
    for path, values in plan.searched().items():
        place: Any = config
        for part in path.split("."):
            place = place[part]
        if values.choices is not None:
            assert place in values.choices, path
        else:
            assert values.low <= place <= values.high, path


def test_ranges_become_distributions() -> None:
    kinds = optuna.distributions
    assert Range(low=1, high=9, step=2).distribution(optuna) == kinds.IntDistribution(1, 9, step=2)
    assert Range(low=1, high=9.5).distribution(optuna) == kinds.FloatDistribution(1.0, 9.5)
    assert Range(choices=[True, 3]).distribution(optuna).choices == (True, 3)


@pytest.mark.parametrize(
    ("text", "words", "mentions"),
    [
        ("preset: ddpg_hr", "sweep.yaml", ["sweep.yaml", "'ddpg_hr'", "'ddpg_her'"]),
        ("preset: bpo\ntask: reach", "sweep.yaml", ["task", "'reach'"]),
        ("preset: bpo\nrange: {}", "sweep.yaml", ["sweep.yaml", "range", "ranges"]),
        ("preset: bpo_ir", "sweep.yaml", ["bpo_ir", "ranges"]),
        ("preset: bpo\nranges: {}", "sweep.yaml", ["ranges", "at least one"]),
        ("preset: bpo\nranges: {agent.gama: {choices: [1]}}", "sweep.yaml", ["agent.gamma"]),
        ("preset: bpo\nranges: {num_envs: {low: 2, high: 8, step: 0}}", "sweep.yaml", ["step = 0"]),
        ("preset: bpo\nranges: {num_envs: {low: 2, high: 8, step: .5}}", "sweep.yaml", ["whole"]),
        ("preset: bpo\nranges: {agent.gamma: {low: 2, high: 1}}", "sweep.yaml", ["low < high"]),
        ("preset: bpo\nranges: {agent.gamma: {low: 0, high: 1, log: true}}", "sweep.yaml", ["log"]),
        ("preset: bpo\nranges: {agent.gamma: {hi: 1}}", "sweep.yaml", ["agent.gamma", "hi"]),
        ("preset: bpo\noverrides: {seed: 1}", "sweep.yaml", ["seeds="]),
        (None, "preset=bpo trials=0", ["trials", "0"]),
        (None, "trials=3", ["file", "preset"]),
        (None, "absent.yaml", ["sweep file absent.yaml", "cannot be read"]),
    ],
)
def test_a_bad_sweep_is_told_in_one_line(
    command: Command, tmp_path: Path, text: str | None, words: str, mentions: list[str]
) -> None:
    if text is not None:
        (tmp_path / "sweep.yaml").write_text(text)
    status, output, errors = command(f"sweep with {words}")
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert all(mention in errors for mention in mentions), errors
    assert {path.name for path in tmp_path.iterdir()} <= {"sweep.yaml"}
