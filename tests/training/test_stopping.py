"""Stop signals, resuming, and the command as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bnpo.runs import checkpoint_path, load_summary
from bnpo.runs.checkpoint import load_checkpoint
from bnpo.training import Trainer
from tests.experiment.conftest import TINY, Command
from tests.experiment.test_training import assert_equal, read

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
LONG = [*TINY, "total_steps=10000000"]


def start(cwd: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bnpo", *words],
        cwd=cwd,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_in_good_order(tmp_path: Path, signum: int, status: int) -> None:
    process = start(tmp_path, "with", "bpo", *LONG)
    run = tmp_path / "runs" / "1"
    wait_for(run / "checkpoints" / "step-000000200.json", process)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert read(run / "run.json")["status"] == "INTERRUPTED"
    summary = load_summary(run)
    assert summary.status == "interrupted"
    assert load_checkpoint(checkpoint_path(run))["agent"]
    assert (
        summary.env_steps
        >= json.loads((run / "history.json").read_text())["records"][-1]["env_steps"]
    )


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int, *signums: int) -> None:
    """Let a step of the next run be met by signals."""
    real = Trainer.step

    def step(self: Trainer) -> None:
        real(self)
        if self.agent.env_steps == steps:
            for signum in signums:
                signal.raise_signal(signum)

    monkeypatch.setattr(Trainer, "step", step)


def untimed(run: Path) -> list[dict[str, float]]:
    """Return the training stream of a run without seconds and speeds."""
    lines = [json.loads(line) for line in (run / "training.jsonl").read_text().splitlines()]
    assert [line["env_steps"] for line in lines] == [*range(20, 401, 20)]
    timed = ("time", "wall_s")
    return [
        {key: value for key, value in line.items() if key not in timed and "_s" not in key[-2:]}
        for line in lines
    ]


def test_an_interrupted_run_resumes_to_the_same_end(
    finished_run: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 236, signal.SIGINT)
        assert command("with bpo goal_reacher TINY")[0] == 130
    run = tmp_path / "runs" / "1"
    assert "go on with: bnpo resume 1" in (run / "cout.txt").read_text()
    assert load_summary(run).env_steps == 236
    status, output, _ = command("resume with run=runs/1")
    assert status == 0
    assert "goes on from 236 steps" in output
    assert load_summary(run).without_times() == load_summary(finished_run).without_times()
    states = [load_checkpoint(checkpoint_path(one)) for one in (run, finished_run)]
    assert_equal(states[0], states[1])
    metrics: list[Any] = [read(one / "metrics.json") for one in (run, finished_run)]
    for name in metrics[0].keys() - {"wall_s"}:
        assert metrics[0][name]["steps"] == metrics[1][name]["steps"], name
        assert metrics[0][name]["values"] == metrics[1][name]["values"], name
    assert untimed(run) == untimed(finished_run)
    record = read(run / "run.json")
    assert (record["status"], record["resumed"]) == ("COMPLETED", 1)

    status, output, _ = command("resume with run=runs/1")
    assert status == 0
    assert "is finished" in output
    status, output, _ = command("resume with run=runs/1 total_steps=600")
    assert status == 0
    assert load_summary(run).env_steps == 600
    assert read(run / "config.json")["total_steps"] == 600


@pytest.mark.parametrize(
    ("signums", "expected"),
    [
        ((signal.SIGINT, signal.SIGINT), 130),
        ((signal.SIGTERM, signal.SIGTERM), 143),
        ((signal.SIGINT, signal.SIGTERM), 143),
    ],
)
def test_a_second_signal_stops_at_once(
    signums: tuple[int, int],
    expected: int,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        stop_after(patch, 100, *signums)
        assert command("with bpo TINY")[0] == expected
    assert signal.getsignal(signal.SIGINT) is before
    run = tmp_path / "runs" / "1"
    assert read(run / "run.json")["status"] == "INTERRUPTED"
    assert not (run / "checkpoints").exists()

    status, output, _ = command("resume with run=runs/1")
    assert status == 0
    assert "starts over" in output


def test_errors_of_a_process(tmp_path: Path) -> None:
    process = start(tmp_path, "with", "env=Nope-v0")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert errors.count("\n") == 1
    assert "Nope-v0" in errors
