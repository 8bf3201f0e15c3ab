"""Records stay true: one process at a time, no old figures, no failure for want of a picture."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bnpo.errors import CheckpointError, RunError
from bnpo.runs import checkpoint_path, load_agent, load_history, load_summary, read_run
from bnpo.runs.checkpoint import check_checkpoint, load_checkpoint
from bnpo.runs.checkpoint_files import read_tensors, write_tensors
from bnpo.runs.folder import FolderLock, is_held
from bnpo.training import Trainer
from tests.experiment.conftest import Command
from tests.experiment.test_training import read
from tests.faults.runs import finish, said, start, train

RESUME = "resume with run=runs/1"


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    """A finished run of 400 steps that a test may change."""
    return shutil.copytree(finished_run, tmp_path / "runs" / "1")


def contents(folder: Path) -> dict[Path, bytes]:
    """Return everything in a folder but its lock, which holds nothing."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: path.read_bytes() for path in files}


def flip(path: Path) -> None:
    """Change one bit in the middle of a file, as a bad disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_run_in_use_is_refused_and_comes_to_no_harm(command: Command, run: Path) -> None:
    lock = FolderLock(run)
    before = contents(run)
    status, _, errors = command(f"{RESUME} total_steps=600")
    assert (status, errors) == (2, "bnpo: error: folder runs/1 is in use by another process\n")
    assert contents(run) == before
    lock.release()
    assert command(f"{RESUME} total_steps=600")[0] == 0


def test_a_run_does_not_become_shorter(command: Command, run: Path) -> None:
    before = contents(run)
    status, _, errors = command(f"{RESUME} total_steps=200")
    assert (status, errors) == (
        2,
        "bnpo: error: total_steps = 200: run runs/1 has taken 400 steps; allowed is at least as "
        "many\n",
    )
    assert contents(run) == before


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        lock = FolderLock(tmp_path)
        os.write(write_end, b".")
        signal.pause()
        lock.release()
        os._exit(0)
    try:
        os.read(read_end, 1)
        assert is_held(tmp_path)
        with pytest.raises(RunError, match="in use"):
            FolderLock(tmp_path, patience=0.0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert not is_held(tmp_path)
    FolderLock(tmp_path).release()


@pytest.mark.parametrize("end", [None, KeyboardInterrupt, ValueError])
def test_a_run_is_held_while_it_trains_and_no_longer(
    end: type[BaseException] | None, command: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Trainer.step
    seen = set()

    def step(self: Trainer) -> None:
        real(self)
        seen.add((is_held(Path("runs/1")), read_run(Path("runs/1")).status))
        if end is not None:
            raise end

    monkeypatch.setattr(Trainer, "step", step)
    if end is ValueError:
        with pytest.raises(ValueError, match="^$"):
            command(f"{RESUME} total_steps=440")
    else:
        assert command(f"{RESUME} total_steps=440")[0] == (0 if end is None else 130)
    assert seen == {(True, "running")}
    assert not is_held(run)


def test_a_killed_extension_is_not_listed_with_the_old_end(tmp_path: Path) -> None:
    assert finish([*train("goal_reacher"), "total_steps=700"], tmp_path) == 0, said(tmp_path)
    run = tmp_path / "runs" / "1"
    assert read_run(run).status == "completed"
    process = start(["resume", "with", "run=runs/1", "total_steps=1500"], tmp_path, die_at=0)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    record = read(run / "run.json")
    (run / "run.json").write_text(json.dumps({**record, "heartbeat": "2020-01-01T00:00:00"}))
    entry = read_run(run)
    assert entry.status == "killed"
    assert entry.env_steps == load_history(run)[-1].env_steps
    assert not (run / "summary.json").exists()


def test_a_file_that_was_damaged_is_written_anew(tmp_path: Path) -> None:
    tensors = {"rows": torch.arange(100.0)}
    entry = write_tensors(tmp_path, "replay", tensors)
    flip(tmp_path / entry.file)
    with pytest.raises(CheckpointError, match="checksum"):
        read_tensors(tmp_path, entry)
    assert write_tensors(tmp_path, "replay", tensors) == entry
    assert torch.equal(read_tensors(tmp_path, entry)["rows"], tensors["rows"])


def test_a_policy_is_had_of_a_checkpoint_with_a_damaged_replay(command: Command, run: Path) -> None:
    for kind in ("replay", "pool"):
        for path in run.glob(f"checkpoints/{kind}-*.safetensors"):
            flip(path)
    with pytest.raises(CheckpointError, match="checksum"):
        check_checkpoint(checkpoint_path(run))
    with pytest.raises(CheckpointError, match="checksum"):
        load_checkpoint(checkpoint_path(run))
    assert load_checkpoint(checkpoint_path(run), rows=False)["agent"]["replay"]["storage"] is None
    load_agent(run)
    assert command("evaluate with run=runs/1 episodes=1")[0] == 0
    before = contents(run)
    status, _, errors = command(f"{RESUME} total_steps=600")
    assert (status, errors.count("\n")) == (2, 1)
    assert contents(run) == before


def test_other_versions_are_told_and_kept(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {"bnpo": "1", "torch": "2", "mujoco": "3"}
    old = {**now, "torch": "1.2.3"}
    run = tmp_path / "runs" / "1"
    lines = []
    for versions, steps in ((old, 400), (now, 440), (now, 480)):
        monkeypatch.setattr("bnpo.experiment.keeper.versions", lambda versions=versions: versions)
        line = "with bpo goal_reacher TINY" if steps == 400 else f"{RESUME} total_steps={steps}"
        status, output, _ = command(line)
        assert status == 0
        lines.append("was written with torch 1.2.3 (now 2)" in output)
    assert lines == [False, True, False]
    assert load_summary(run).earlier_versions == [old]
    assert load_checkpoint(checkpoint_path(run))["versions"] == [old, now]


ERRORS = {
    OSError(errno.ENOSPC, "No space left on device", "policy.gif"): "No space left on device",
    ValueError("two\nlines"): "two lines",
    RuntimeError(): "RuntimeError",
}


@pytest.mark.parametrize("error", ERRORS)
def test_a_trained_run_has_not_failed_for_want_of_pictures(
    error: Exception, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("bnpo.show.recording.write_gif", fail)
    monkeypatch.setattr("bnpo.experiment.pictures.draw", fail)
    status, output, _ = command("with bpo goal_reacher TINY")
    assert status == 0
    (video,) = (line for line in output.splitlines() if line.startswith("video"))
    assert "none: " in video
    assert ERRORS[error] in video
    run = tmp_path / "runs" / "1"
    assert read(run / "run.json")["status"] == "COMPLETED"
    assert load_summary(run).status == "completed"


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda whole: whole[:300],
    "empty": lambda _: b"",
    "list": lambda _: b"[]",
    "null": lambda _: b"null",
    "other": lambda _: b'{"mean_return": 3, "mean_length": {"steps": [1], "timestamps": []}}',
    "times": lambda whole: whole.replace(b'"20', b"20"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_measurements_are_put_together_again(
    damage: str, command: Command, run: Path
) -> None:
    path = run / "metrics.json"
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert command(f"{RESUME} total_steps=404")[0] == 0
    steps = [record.env_steps for record in load_history(run)]
    metrics = read(path)
    assert metrics["mean_return"]["steps"] == steps
    assert len(metrics["mean_return"]["timestamps"]) == len(steps)


def test_the_name_of_a_run_is_taken_once(command: Command, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "own").touch()  # as if another process had just made it
    status, _, errors = command(f"-i {'x' * 300} with bpo TINY")
    assert (status, errors.count("\n")) == (2, 1)
    assert "at most 200 bytes" in errors
    assert command("-i own with bpo TINY")[0] == 2
