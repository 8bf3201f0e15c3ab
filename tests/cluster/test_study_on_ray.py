"""Studies and sweeps on Ray: what local ones find, also after nodes were lost."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bnpo.cluster.process import TaskProcess
from bnpo.errors import RunError
from bnpo.study import Study, Sweep
from tests.study.conftest import TINY
from tests.study.test_study import LONG, found, single
from tests.study.test_sweep import SEARCHED, rows

RUN = "ddpg_her-goal_reacher-0"


def study(folder: Path, overrides: dict[str, Any], **plan: Any) -> Study:
    plan = {"presets": ["ddpg_her"], "seeds": 1, "overrides": overrides, **plan}
    return Study(folder=folder, ray="local", **plan)


def names(run: Path) -> set[str]:
    return {path.name for path in run.rglob("*") if path.is_file()}


def test_a_run_on_ray_is_the_local_one(ray: Any, tmp_path: Path) -> None:
    """Records, policy and checkpoints too: their files are named by their content."""
    made = study(tmp_path / "study", TINY)
    made.run(progress_bar=False)
    local = single(tmp_path, 0, TINY)
    assert found(made.runs / RUN) == found(local)
    assert names(made.runs / RUN) == names(local)
    assert (made.folder / "logs" / f"{RUN}.log").stat().st_size > 0
    assert (made.folder / "report.html").is_file()
    assert [*(made.runs / "_sources").rglob("*.py")]


def test_output_of_a_process_comes_line_by_line(ray: Any, tmp_path: Path) -> None:
    code = "import sys; print('a'); print('b'); sys.stderr.write('c'); sys.exit(3)"
    log, output = tmp_path / "a.log", tmp_path / "a.txt"
    process = TaskProcess(ray, ["-c", code], tmp_path, log=log, output=output)
    assert [*process.lines()] == ["a", "b"]
    assert process.wait() == 3
    assert log.read_text() == "c"


def test_nodes_of_another_version_are_refused(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnpo.cluster.process.versions", lambda: {"torch": "0.1"})
    process = TaskProcess(ray, ["-c", ""], tmp_path, log=tmp_path / "a.log")
    with pytest.raises(RunError, match=r"a node has torch .*, this machine has 0\.1"):
        process.wait()


def process_of(words: str) -> tuple[int, int] | None:
    """Return a process with these words in its command, and the one that started it."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if words in command:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                return int(entry.name), int(parent)
        except OSError:
            continue
    return None


def until(look: Callable[[], Any]) -> Any:
    """Look until there is something; return it."""
    deadline = time.monotonic() + 120
    while not (seen := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return seen


@pytest.mark.slow
def test_a_lost_run_goes_on_from_its_checkpoint(ray: Any, tmp_path: Path) -> None:
    """Its process is held at a checkpoint, so that it cannot end before it is lost."""
    name = f"lost_{os.getpid()}"  # like no run of other tests at work on this machine
    overrides = {**LONG, "total_steps": 4000}
    made = study(tmp_path / "study", overrides, tasks={name: {"task": "goal_reacher"}})
    run = made.runs / f"ddpg_her-{name}-0"
    thread = threading.Thread(target=made.run, kwargs={"progress_bar": False})
    thread.start()
    process, worker = until(
        lambda: process_of(f"bnpo.experiment.study_worker configs/{run.name}.json")
    )
    there = Path(f"/proc/{process}/cwd").resolve()
    saved = f"runs/{run.name}/checkpoints/step-*.json"
    until(lambda: [*there.glob(saved)])
    os.kill(process, signal.SIGSTOP)
    try:
        until(lambda: [*made.folder.glob(saved)])
        os.kill(worker, signal.SIGKILL)
    finally:
        os.kill(process, signal.SIGKILL)
    thread.join()
    shutil.rmtree(there)  # which the worker would have done
    log = (made.folder / "logs" / f"{run.name}.log").read_text()
    assert "lost with its node (1)" in log
    assert f"runs/{run.name} goes on from" in log
    assert found(run) == found(single(tmp_path, 0, overrides))


@pytest.mark.slow
def test_a_sweep_on_ray(ray: Any, tmp_path: Path) -> None:
    sweep = Sweep(
        folder=tmp_path / "sweep",
        preset="ddpg_her",
        ranges=SEARCHED,
        trials=2,
        overrides=TINY,
        ray="local",
    )
    best = sweep.run(progress_bar=False)
    assert set(best) == set(SEARCHED)
    assert [row["state"] for row in rows(sweep)] == ["complete"] * 2
