"""What lies in a run's folder and is not of it: links are not followed, templates not rendered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from bnpo.errors import RunError
from bnpo.files import write_json
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.runs.folder import FolderLock, remove_run
from tests.experiment.conftest import Command


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    """A finished run of 400 steps that a test may change."""
    return shutil.copytree(finished_run, tmp_path / "runs" / "1")


def test_a_template_beside_the_runs_is_not_rendered(command: Command, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    template = tmp_path / "runs" / "template.html"
    template.write_text("<% open('EXECUTED', 'w').close() %>")
    status, _, errors = command("with bpo goal_reacher TINY")
    assert status == 0
    assert "Error" not in errors
    assert not (tmp_path / "EXECUTED").exists()
    assert not [*tmp_path.rglob("report.*")]


@pytest.mark.parametrize("name", ["checkpoints", "cout.txt", "policy.gif", "checkpoints/x.json"])
def test_links_in_a_run_are_refused(name: str, command: Command, run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    place = run / name
    if name == "checkpoints":
        shutil.move(place, elsewhere)
        (elsewhere / "state-000000000000000000000000.safetensors").write_text("a week of work")
    else:
        elsewhere.write_text("a week of work")
        place.unlink(missing_ok=True)
    place.symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status, _, errors = command("resume with run=runs/1 total_steps=600")
    assert status == 2
    assert f"runs/1/{name} is a link" in errors
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_checkpoints_leave_the_files_of_others_alone(tmp_path: Path) -> None:
    others = ["policy.safetensors", "notes.partial", "step-1.json", "replay-old.safetensors"]
    stale = "replay-0123456789abcdef01234567.safetensors"
    for name in [*others, stale, "step-000000004.json.partial"]:
        (tmp_path / name).write_text("a week of work")
    CheckpointFolder(tmp_path).save({"weight": torch.ones(2)}, 8)
    left = {path.name for path in tmp_path.iterdir()}
    assert left >= {*others, "step-000000008.json"}
    assert len(left) == len(others) + 2  # the manifest and its one file of tensors


@pytest.mark.parametrize("name", ["summary.json.partial", ".lock"])
def test_a_planted_link_is_not_written_through(name: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("a week of work")
    run = tmp_path / "run"
    run.mkdir()
    (run / name).symlink_to(victim)
    write_json(run / "summary.json", {})
    if name == ".lock":
        with pytest.raises(RunError, match=r"\.lock cannot be opened"):
            FolderLock(run)
    assert victim.read_text() == "a week of work"


@pytest.mark.parametrize(
    "name", ["notes.txt", "checkpoints/policy.safetensors", "export/policy.pt2", "tensorboard/x"]
)
def test_a_folder_with_files_of_others_is_not_removed(name: str, run: Path) -> None:
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_text("a week of work")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match="is of no run"):
        remove_run(run)
    assert {path: path.read_bytes() for path in before} == before


def test_a_run_is_removed_whole_but_not_while_it_is_in_use(run: Path, tmp_path: Path) -> None:
    (run / "history.json.partial").touch()
    lock = FolderLock(run)
    with pytest.raises(RunError, match="in use"):
        remove_run(run)
    lock.release()
    link = tmp_path / "link"
    link.symlink_to(run)
    with pytest.raises(RunError, match="no folder of a run"):
        remove_run(link)
    remove_run(run)
    assert not run.exists()
