"""Plans and folders of studies and sweeps that cannot work, and files of others in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bnpo.errors import ConfigError, RunError
from bnpo.study import Study, Sweep
from bnpo.study.plan import StudyPlan
from bnpo.study.results import has_whole_record, is_trained
from tests.study.conftest import TINY, Command, pretend

NAME = "ddpg_her-goal_reacher-0"


def study(folder: Path, **plan: Any) -> Study:
    fields: dict[str, Any] = {"presets": ["ddpg_her"], "seeds": 1, "overrides": TINY, **plan}
    return Study(folder=folder, workers=1, **fields)


@pytest.mark.parametrize(
    "text",
    [
        "presets: [bpo]\nfolder: 3\n",
        "presets: [bpo]\nfolder: [x]\n",
        "presets: [bpo]\nfolder: ''\n",
        'presets: [bpo]\nfolder: "a\\0b"\n',
        "presets: [bpo]\nseeds: 1000000000\n",
        "presets: [bpo]\nseeds: 99999999999999999999\n",
        "presets: [bpo]\nseeds: [99999999999999999999]\n",
        "presets: [bpo]\nseeds: [0.5]\n",
        "presets: [bpo]\nseeds: .nan\n",
        "presets: [bpo]\nseeds: 2020-13-45\n",
        "presets: [bpo]\nworkers: true\n",
        "presets: [bpo]\nworkers: x\n",
        "presets: [bpo]\nray: 3\n",
        "presets: [[bpo]]\n",
        "presets: {1: {preset: bpo}}\n",
        "presets: {wide: 3}\n",
        "presets: {wide: {preset: [bpo]}}\n",
        "presets: {" + "x" * 81 + ": {preset: bpo}}\n",
        "presets: [bpo]\nname: " + "x" * 300 + "\n",
        "presets: [bpo]\noverrides: 3\n",
        "presets: [bpo]\noverrides: {agent: {1: 2}}\n",
        "presets: [bpo]\noverrides: {agent: " + "{a: " * 200 + "1" + "}" * 201 + "\n",
        "presets: [bpo]\n? [a]\n: 1\n",
        "presets: !!python/object/apply:os.mkdir [EXECUTED]\n",
        "[" * 3000,
        "- " * 500 + "x",
        "",
    ],
)
def test_a_plan_that_cannot_work_is_one_line(text: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(text)
    status, output, errors = command("--dry-run study with study.yaml")
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert "study.yaml" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_two_runs_never_have_one_folder() -> None:
    plan = StudyPlan(
        presets={"a-b": {"preset": "ddpg_her"}, "a": {"preset": "ddpg_her"}},
        tasks={"c": {"task": "goal_reacher"}, "b-c": {"task": "goal_reacher"}},
        overrides=TINY,
    )
    with pytest.raises(ConfigError, match="would both have the folder a-b-c-0"):
        plan.jobs()


@pytest.mark.parametrize(
    ("stem", "name"), [("étude 2", "tude-2"), ("_-_", "study"), ("x_1", "x_1"), ("數", "study")]
)
def test_a_study_is_named_after_any_file(stem: str, name: str, tmp_path: Path) -> None:
    (tmp_path / f"{stem}.yaml").write_text("presets: [ddpg_her]\n")
    assert Study.read(tmp_path / f"{stem}.yaml").plan.name == name


@pytest.mark.parametrize("name", ["notes.txt", "config.json", "checkpoints/policy.safetensors"])
def test_a_folder_of_others_in_the_place_of_a_run_stays(name: str, tmp_path: Path) -> None:
    file = tmp_path / "runs" / NAME / name
    file.parent.mkdir(parents=True)
    file.write_text("[]" if name == "config.json" else "a week of work")
    (tmp_path / "runs" / NAME / "notes.txt").write_text("a week of work")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match="is of no run"):
        study(tmp_path).run(progress_bar=False)
    assert {path: path.read_bytes() for path in before} == before


def test_files_of_no_study_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a week of work")
    with pytest.raises(ConfigError, match=r"table\.csv is of no study"):
        study(tmp_path).run(progress_bar=False)
    assert (tmp_path / "table.csv").read_text() == "a week of work"


def test_a_run_stopped_at_its_video_is_made_whole(tmp_path: Path) -> None:
    folder = study(tmp_path)
    folder.run(progress_bar=False)
    run = tmp_path / "runs" / NAME
    assert has_whole_record(run)
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "status": "RUNNING"}))
    for name in ("policy.gif", "metrics.json"):
        (run / name).unlink()
    assert is_trained(run)
    assert not has_whole_record(run)
    assert folder.report().missing == []
    folder.run(progress_bar=False)
    assert has_whole_record(run)
    assert (run / "policy.gif").exists()
    assert json.loads((run / "metrics.json").read_text())["mean_return"]["steps"] == [40, 80]


@pytest.mark.parametrize("name", ["summary.json", "history.json", "run.json"])
@pytest.mark.parametrize("content", ["", "[]", "null", "{"])
def test_a_run_with_a_damaged_record_is_not_whole(name: str, content: str, tmp_path: Path) -> None:
    run = pretend(tmp_path / "run", [1.0])
    (run / "run.json").write_text('{"status": "COMPLETED"}')
    assert has_whole_record(run)
    (run / name).write_text(content)
    assert not has_whole_record(run)


SWEEP: dict[str, Any] = {
    "preset": "ddpg_her",
    "trials": 1,
    "overrides": TINY,
    "ranges": {"brains.ddpg.learning_repeat": {"choices": [4, 8]}},
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sweep.json", b"{"),
        ("sweep.json", b"[]"),
        ("sweep.json", b""),
        ("sweep.json", b"\xff\xfe"),
        ("trials.db", b"no database" * 100),
        ("trials.db", None),
        ("sweep.json", None),
    ],
)
def test_a_damaged_folder_of_a_sweep_is_told(
    name: str, content: bytes | None, tmp_path: Path
) -> None:
    pytest.importorskip("optuna", reason="the extra study is not installed")
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=name) as caught:
        Sweep(folder=tmp_path, workers=1, **SWEEP).run(progress_bar=False)
    assert "\n" not in str(caught.value)
