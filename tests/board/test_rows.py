"""The table: which runs are found, what their rows tell, what is told again."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bnpo.board.groups import labels
from bnpo.board.rows import Row, row_of
from bnpo.board.run_folders import require_runs, run_folders
from bnpo.board.watching import Watch
from bnpo.errors import RunError
from bnpo.files import write_json
from bnpo.runs.folder import FolderLock
from tests.board.conftest import leave_run, stream


def by_name(watch: Watch) -> dict[str, Row]:
    return {row.id: row for row in watch.rows()}


def test_a_row_tells_what_the_files_tell(runs: Path) -> None:
    row = row_of("runs/1", runs / "1")
    assert (row.place, row.run, row.status) == ("runs", "1", "completed")
    assert (row.preset, row.task, row.seed) == ("bpo", "bnpo/GoalReacher-v0", 0)
    assert (row.metric, row.threshold) == ("success_rate", 0.95)
    assert row.success == row.figure == 0.4
    assert (row.steps, row.total, row.seconds) == (300, 1_000, 6.0)
    assert row.speed == 50.0  # 300 steps in 6 s
    assert row.left is None


def test_seeds_are_a_group_and_presets_are_not(runs: Path) -> None:
    watch = Watch(runs, 0.0)
    one, two, ten = (by_name(watch)[name] for name in ("1", "2", "10"))
    assert one.group == two.group != ten.group
    assert labels(watch)[one.group] == "bpo · GoalReacher-v0"
    assert labels(watch)[ten.group] == "ppo · GoalReacher-v0"


def test_groups_of_one_name_tell_what_they_differ_by(runs: Path) -> None:
    leave_run(runs / "3", [0.1], eval_interval=7)
    leave_run(runs / "4", [0.1], eval_interval=9)
    watch = Watch(runs, 0.0)
    told = {labels(watch)[by_name(watch)[name].group] for name in "34"}
    assert told == {f"bpo · GoalReacher-v0 · eval_interval={n}" for n in (7, 9)}


def test_a_run_that_is_held_is_running_and_has_time_left(runs: Path) -> None:
    began = datetime.now(UTC) - timedelta(seconds=30)
    record = {"status": "RUNNING", "start_time": began.replace(tzinfo=None).isoformat()}
    write_json(runs / "2" / "run.json", record)
    stream(
        runs / "2",
        {"env_steps": 250, "wall_s": 9.0, "time": time.time(), "time/env_steps_per_s": 80.0},
    )
    lock = FolderLock(runs / "2")
    try:
        row = row_of("2", runs / "2")
    finally:
        lock.release()
    assert (row.status, row.steps, row.seconds, row.speed) == ("running", 250, 9.0, 80.0)
    # 250 of 1,000 steps took 30 s, evaluations and all: 90 s for the other 750
    assert row.left == pytest.approx(90.0, abs=2.0)
    assert row_of("2", runs / "2").status == "killed"


def test_a_line_that_is_being_written_is_passed_over(runs: Path) -> None:
    stream(runs / "2", {"env_steps": 250, "wall_s": 9.0})
    with (runs / "2" / "training.jsonl").open("a") as file:
        file.write('{"env_steps": 26')
    lock = FolderLock(runs / "2")
    try:
        assert row_of("2", runs / "2").steps == 250
    finally:
        lock.release()


def test_a_damaged_run_is_a_row(runs: Path) -> None:
    (runs / "1" / "summary.json").write_text("[")
    (runs / "2" / "history.json").write_text('{"metric": 3}')
    (runs / "10" / "config.json").write_text("{}")
    assert {row.status for row in Watch(runs, 0.0).rows()} == {"damaged"}


def test_a_study_is_found_with_the_runs_it_waits_for(tmp_path: Path) -> None:
    study = tmp_path / "studies" / "first"
    leave_run(study / "runs" / "bpo-0", [0.5])
    write_json(study / "study.json", {})
    config = (study / "runs" / "bpo-0" / "config.json").read_bytes()
    (study / "configs").mkdir()
    for name in ("bpo-0", "bpo-1"):
        (study / "configs" / f"{name}.json").write_bytes(config)
    watch = Watch(tmp_path, 0.0)
    assert [*watch.studies] == ["studies/first"]
    rows = by_name(watch)
    assert {name: row.status for name, row in rows.items()} == {
        "studies/first/runs/bpo-0": "completed",
        "studies/first/runs/bpo-1": "waiting",
    }
    assert {row.place for row in rows.values()} == {"studies/first"}
    assert len({row.group for row in rows.values()}) == 1
    leave_run(study / "runs" / "bpo-1", [0.7])
    watch.look()
    assert by_name(watch)["studies/first/runs/bpo-1"].status == "completed"


def test_links_are_not_followed(runs: Path, tmp_path: Path) -> None:
    elsewhere = leave_run(tmp_path / "elsewhere" / "5", [0.1])
    (runs / "5").symlink_to(elsewhere)
    assert [*run_folders(runs).runs] == ["1", "10", "2"]


def test_a_run_is_a_folder_of_one(runs: Path) -> None:
    assert [row.id for row in Watch(runs / "1", 0.0).rows()] == ["1"]


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run: allowed is a folder of runs"):
        require_runs(tmp_path)
    with pytest.raises(RunError, match="is missing"):
        require_runs(tmp_path / "none")


def test_only_what_changed_is_told_again(runs: Path) -> None:
    watch = Watch(runs, 0.0)
    first = watch.since(0)
    assert {row.id for row in first.rows} == {"1", "2", "10"}
    assert watch.since(first.version).rows == []
    leave_run(runs / "2", [1.0, 1.0, 0.9], seed=1, through=False)
    second = watch.since(first.version)
    assert [(row.id, row.steps, row.figure) for row in second.rows] == [("2", 300, 0.9)]
    (runs / "10" / "config.json").unlink()
    third = watch.since(second.version)
    assert (third.rows, third.gone) == ([], ["10"])
    assert watch.since(third.version).gone == []


def test_a_run_that_did_not_change_is_not_read_again(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(runs, 0.0)
    read: list[str] = []
    monkeypatch.setattr("bnpo.board.watching.row_of", lambda name, _: read.append(name))
    watch.look()
    assert read == []
