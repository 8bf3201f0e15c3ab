"""A run that is killed at any time resumes to the end that it would have had."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.runs import SMALL, TASKS, assert_same_run, finish, said, start, train

WRITES = 150
"""Stages of writing that a run of SMALL has at least."""

Reference = Callable[[str], tuple[Path, float]]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Return the folder of an uninterrupted run of a task, and the seconds that it took."""
    known: dict[str, tuple[Path, float]] = {}

    def of(task: str) -> tuple[Path, float]:
        if task not in known:
            folder = tmp_path_factory.mktemp(task)
            finish(["help"], folder)  # the server of processes is up and running
            began = time.perf_counter()
            assert finish(train(task), folder) == 0, said(folder)
            known[task] = folder / "runs" / "1", time.perf_counter() - began
        return known[task]

    return of


def kill_and_resume(number: int, folder: Path, reference: Reference) -> None:
    """Kill a run once or twice, by the clock or within a write, and compare how it ends."""
    draw = random.Random(number)
    task = TASKS[number % 2]
    straight, seconds = reference(task)
    for _ in range(draw.choice((1, 1, 2))):
        within = number % 4 >= 2
        process = start(way_on(folder, task), folder, draw.randrange(WRITES) if within else None)
        process.join(timeout=60 if within else draw.uniform(0, seconds))
        process.kill()
        process.join()
        assert process.exitcode in (0, -9), said(folder)
    assert finish(way_on(folder, task), folder) == 0, said(folder)
    run = max(path.parent for path in folder.glob("runs/*/config.json"))
    assert_same_run(run, straight)
    assert not list(run.rglob("*.partial"))
    assert "Traceback" not in said(folder)


def way_on(folder: Path, task: str) -> list[str]:
    """What resumes the run of a folder, or starts one where none came to its configuration."""
    runs = sorted(folder.glob("runs/*/config.json"))
    return ["resume", "with", f"run={runs[-1].parent}"] if runs else train(task)


@pytest.mark.parametrize("number", range(4))
def test_a_killed_run_ends_as_if_it_had_not_been(
    number: int, tmp_path: Path, reference: Reference
) -> None:
    kill_and_resume(number, tmp_path, reference)


@pytest.mark.faults
@pytest.mark.parametrize("number", range(4, 54))
def test_fifty_killed_runs_end_as_if_they_had_not_been(
    number: int, tmp_path: Path, reference: Reference
) -> None:
    kill_and_resume(number, tmp_path, reference)


@pytest.mark.parametrize("steps", [900, 1200])
def test_an_extended_run_ends_as_a_straight_one(
    steps: int, tmp_path: Path, reference: Reference
) -> None:
    straight, _ = reference("goal_reacher")
    assert finish(["with", "bpo", "goal_reacher", *SMALL, f"total_steps={steps}"], tmp_path) == 0
    assert finish(["resume", "with", "run=runs/1", "total_steps=1500"], tmp_path) == 0
    assert_same_run(tmp_path / "runs" / "1", straight)
