"""Studies and sweeps on Ray: what local ones find, also after nodes were lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bnpo.cluster.process import TaskProcess
from bnpo.runs import RunError
from bnpo.study import Study, Sweep
from tests.study.conftest import TINY
from tests.study.test_study import LONG, found, single
from tests.study.test_sweep import SEARCHED, rows

RUN = "ddpg_her-goal_reacher-0"


def study(folder: Path, overrides: dict[str, Any]) -> Study:
    return Study(folder=folder, ray="local", presets=["ddpg_her"], seeds=1, overrides=overrides)


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


def parent_of(words: str) -> int | None:
    """Return the process that started the one with these words in its command."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if words in command:
                return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return None


@pytest.mark.slow
def test_a_lost_run_goes_on_from_its_checkpoint(ray: Any, tmp_path: Path) -> None:
    made = study(tmp_path / "study", LONG)
    thread = threading.Thread(target=made.run, kwargs={"progress_bar": False})
    thread.start()
    run = made.runs / RUN
    deadline = time.monotonic() + 120
    while not [*run.glob("checkpoints/step-*.json")]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker = parent_of(f"bnpo.study.worker configs/{RUN}.json")
    assert worker is not None, "the run ended before it could be lost"
    os.kill(worker, signal.SIGKILL)
    thread.join()
    log = (made.folder / "logs" / f"{RUN}.log").read_text()
    assert "lost with its node (1)" in log
    assert "goes on from" in log
    assert found(run) == found(single(tmp_path, 0, LONG))


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
