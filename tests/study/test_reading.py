"""Listing, filtering, loading and comparing runs."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from bnpo.compose.composition import compose_run
from bnpo.compose.overrides import differing_keys
from bnpo.errors import MissingExtra, RunError
from bnpo.extras import require
from bnpo.files import write_json
from bnpo.runs import list_runs, load, read_run
from tests.study.conftest import Command, pretend


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three finished runs, one killed, one running, one damaged."""
    folder = tmp_path / "runs"
    pretend(folder / "1", [0.2, 0.4])
    pretend(folder / "2", [0.5, 0.96, 0.97], run=compose_run(["bpo"], {"seed": 4}))
    pretend(folder / "10", [0.3], run=compose_run(["ddpg_her"], {"agent.gamma": 0.5}))
    for name in ("11", "12"):
        pretend(folder / name, [0.1, 0.1])
        (folder / name / "summary.json").unlink()
    for name, ago in (("11", 3600), ("12", 1)):
        beat = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=ago)
        record = {"status": "RUNNING", "heartbeat": beat.isoformat()}
        write_json(folder / name / "run.json", record)
    pretend(folder / "13", [0.1])
    (folder / "13" / "config.json").write_text("{")
    return folder


def test_a_sign_of_life_from_the_future_is_none(tmp_path: Path) -> None:
    """As a process that was killed leaves behind where the clock was put back later."""
    pretend(tmp_path / "1", [0.1, 0.1])
    (tmp_path / "1" / "summary.json").unlink()
    beat = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    write_json(tmp_path / "1" / "run.json", {"status": "RUNNING", "heartbeat": beat.isoformat()})
    assert read_run(tmp_path / "1").status == "killed"


def lines(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()[1:]]


def test_all_runs_are_listed_with_their_status(runs: Path, command: Command) -> None:
    status, output, _ = command("runs")
    assert status == 0
    assert [line[:2] for line in lines(output)] == [
        ["1", "completed"],
        ["2", "completed"],
        ["10", "completed"],
        ["11", "killed"],
        ["12", "running"],
        ["13", "damaged"],
    ]
    second = ["bpo", "bnpo/GoalReacher-v0", "4", "0.97", "0.97", "300", "6.0", "200"]
    assert lines(output)[1][2:] == second


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("status=killed", ["11"]),
        ("preset=bpo", ["2"]),
        ("seeds=4", ["2"]),
        ("seeds=[4,0] status=completed", ["1", "2", "10"]),
        ("env=GoalReacher success=0.3..0.5", ["1", "10"]),
        ("success=0.9..", ["2"]),
        ("success=..0.35 status=completed", ["10"]),
        ("steps=200", ["1", "11", "12"]),
        ("seconds=5..", ["2"]),
        ("status=completed sort=-success", ["2", "1", "10"]),
        ("status=completed sort=steps", ["10", "1", "2"]),
        ("sort=-run limit=2", ["13", "12"]),
        ("sort=solved_at limit=2", ["2", "1"]),
    ],
)
def test_runs_are_filtered_and_sorted(
    runs: Path, command: Command, words: str, found: list[str]
) -> None:
    _, output, _ = command(f"runs with {words}")
    assert [line[0] for line in lines(output)] == found


def test_nothing_found_is_said(runs: Path, command: Command) -> None:
    assert command("runs with preset=ppo")[:2] == (0, "no run matches\n")


def test_runs_elsewhere_are_listed(runs: Path, command: Command) -> None:
    elsewhere = runs.rename(runs.with_name("other"))
    for line in (f"runs with folder={elsewhere}", f"-F {elsewhere} runs"):
        assert len(lines(command(line)[1])) == 6


def test_load_returns_a_frame(runs: Path) -> None:
    pytest.importorskip("pandas", reason="the extra study is not installed")
    frame = load(runs)
    assert list(frame["run"]) == ["1", "2", "10", "11", "12", "13"]
    assert frame["env_steps"].dtype == "Int64"
    assert frame["solved_at_env_steps"].dropna().tolist() == [200]
    assert frame.groupby("preset")["success_rate"].max()["bpo"] == 0.97


def test_load_without_pandas_names_the_extra(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("bnpo.extras.importlib.import_module", absent)
    with pytest.raises(MissingExtra, match=r"bnpo\.runs\.load needs pandas.*bnpo\[study\]"):
        load(runs)
    with pytest.raises(ImportError, match="curves needs scipy"):
        require("scipy.stats", "study", "curves")


@pytest.mark.parametrize("place", ["absent", "empty"])
def test_a_folder_without_runs_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=place):
        list_runs(tmp_path / place)


def test_compare_shows_differing_keys_and_draws(runs: Path, command: Command) -> None:
    status, output, _ = command("compare 1 10")
    assert status == 0
    said = lines(output)
    assert output.splitlines()[0].split()[2:4] == ["seed", "0"]
    assert said[:2] == [["runs", "1", "10"], ["seeds", "0", "0"]]
    assert next(line for line in said if line[0] == "agent.gamma")[2] == "0.5"
    assert ["success", "0.40", "0.30"] in said
    # Two runs that differ by their seed are one column: of 200 and 300 steps.
    pretend(runs / "20", [0.5, 0.9, 0.9], run=compose_run(["ddpg_her"], {"seed": 4}))
    status, output, _ = command("compare 1 2 20 metric=mean_return x=seconds")
    assert status == 0
    said = lines(output)
    assert output.splitlines()[0].split() == ["ddpg_her", "bpo,", "seed", "4"]
    assert said[:2] == [["runs", "1,", "20", "2"], ["seeds", "0,", "4", "4"]]
    assert ["steps", "250", "(200", "to", "300)", "300"] in said
    assert not any(line[0] == "agent.lr_critic" for line in said if line)
    with Image.open(runs / "comparison.png") as picture:
        assert picture.size[0] >= 1000


def test_compare_takes_output_and_runs_as_keys(runs: Path, command: Command) -> None:
    assert command("compare 1 2 with output=own.svg")[0] == 0
    assert Path("own.svg").read_text().count("runs/") == 0
    assert command("compare with runs=['runs/1','2']")[0] == 0


def test_differing_keys_are_those_that_differ() -> None:
    configs = [{"a": 1, "b": {"c": 2, "d": {}}}, {"a": 1, "b": {"c": 3, "d": {"e": 4}}}]
    assert differing_keys(configs) == [("b.c", [2, 3]), ("b.d.e", [None, 4])]


@pytest.mark.parametrize(
    ("line", "mentions"),
    [
        ("runs with sort=sucess", ["sort", "'sucess'", "success"]),
        ("runs with success=high", ["success", "'high'", "LOW.."]),
        ("runs with folder=absent", ["absent", "missing"]),
        ("runs with statu=failed", ["statu", "status"]),
        ("runs 77", ["77", "missing"]),
        ("compare 1", ["[1]", "two"]),
        ("compare 1 7", ["7", "missing"]),
        ("compare 1 14", ["14", "success rate", "return"]),
        ("compare 1 13", ["13", "damaged"]),
    ],
)
def test_bad_input_is_told_in_one_line(
    runs: Path, command: Command, line: str, mentions: list[str]
) -> None:
    pretend(runs / "14", [-3.0], metric="mean_return")
    status, output, errors = command(line)
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert all(mention in errors for mention in mentions), errors


def test_entries_have_a_docstring_and_a_folder(runs: Path) -> None:
    entry = list_runs(runs)[0]
    assert dataclasses.asdict(entry)["folder"] == runs / "1"
