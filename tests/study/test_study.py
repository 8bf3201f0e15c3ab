"""Studies: the same numbers as single runs, not repeated, going on after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import bnpo
from bnpo.errors import ConfigError, RunError
from bnpo.experiment import main
from bnpo.runs import load_history, load_summary
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.study import Study
from bnpo.study.plan import StudyPlan
from bnpo.study.processes.folder_lock import alone
from bnpo.study.processes.jobs import Processes
from bnpo.study.study import late
from tests.study.conftest import PRETENDED, TINY

pytest.importorskip("scipy", reason="the extra study is not installed")


def tiny(folder: Path, **settings: Any) -> Study:
    plan: dict[str, Any] = {"presets": ["ddpg_her"], "seeds": 2, "overrides": TINY, **settings}
    return Study(folder=folder, workers=2, **plan)


def single(folder: Path, seed: int, overrides: dict[str, Any], task: str = "goal_reacher") -> Path:
    """Train one run as the command line does."""
    words = [f"{key}={value}" for key, value in overrides.items()]
    line = ["-F", str(folder), "with", "ddpg_her", task, f"seed={seed}", *words]
    assert main(line) == 0
    return folder / "1"


def found(run: Path) -> tuple[Any, ...]:
    """Everything that a run found, without times."""
    rows = [(r.env_steps, r.mean_return, r.brains) for r in load_history(run)]
    return load_summary(run).without_times(), rows


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a study that is through."""
    study = tiny(tmp_path_factory.mktemp("study") / "tiny")
    study.run(progress_bar=False)
    return study


def test_runs_of_a_study_find_what_single_runs_find(finished: Study, tmp_path: Path) -> None:
    run = single(tmp_path, 1, TINY)
    assert found(finished.runs / "ddpg_her-goal_reacher-1") == found(run)


@pytest.mark.slow
def test_a_run_of_a_study_has_worker_processes_and_opengl_as_a_single_one_has(
    tmp_path: Path,
) -> None:
    overrides = {key: value for key, value in TINY.items() if key != "env_kwargs.episode_steps"}
    overrides |= {"env_kwargs.max_episode_steps": 10, "on_worker_failure": "restart"}
    study = tiny(tmp_path / "study", tasks=["fetch_reach"], seeds=[0], overrides=overrides)
    study.run(progress_bar=False)
    run = study.runs / "ddpg_her-fetch_reach-0"
    alone = single(tmp_path, 0, overrides, "fetch_reach")
    assert found(run) == found(alone)
    pictures = [path.read_bytes() for path in sorted(run.glob("policy.*"))]
    assert pictures == [path.read_bytes() for path in sorted(alone.glob("policy.*"))]


def test_finished_runs_are_not_repeated(finished: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def run(self: Processes, commands: dict[str, Sequence[str]], logs: Path) -> list[Any]:
        started.extend(commands)
        return []

    monkeypatch.setattr(Processes, "run", run)
    finished.run(progress_bar=False)
    assert started == []
    tiny(finished.folder, seeds=3).run(progress_bar=False)
    assert started == ["ddpg_her-goal_reacher-2"]
    finished.run(progress_bar=False)


def test_a_study_leaves_tables_figures_and_report(finished: Study) -> None:
    rows = (finished.folder / "table.csv").read_text().splitlines()
    assert rows[0].startswith("preset,task,runs,metric,final")
    assert rows[1].startswith("ddpg_her,goal_reacher,2,success_rate,")
    assert (finished.folder / "table.md").read_text().count("\n") == 3
    assert (finished.folder / "figures" / "curve_goal_reacher.svg").is_file()
    page = (finished.folder / "report.html").read_text()
    assert page.count("data:image/gif") == 1
    assert json.loads((finished.folder / "study.json").read_text())["seeds"] == 2


def test_runs_of_another_configuration_are_refused(finished: Study) -> None:
    other = tiny(finished.folder, overrides={**TINY, "agent.gamma": 0.5})
    with pytest.raises(ConfigError, match=r"ddpg_her-goal_reacher-0 was made with agent\.gamma"):
        other.run(progress_bar=False)


def test_a_failed_run_is_named_and_the_others_are_reported(finished: Study, tmp_path: Path) -> None:
    study = tiny(shutil.copytree(finished.folder, tmp_path / "study"))
    shutil.rmtree(study.runs / "ddpg_her-goal_reacher-1")
    (study.runs / "ddpg_her-goal_reacher-1").write_text("in the way")
    with pytest.raises(RunError, match=r"1 of 2 runs failed: ddpg_her-goal_reacher-1; .*logs"):
        study.run(progress_bar=False)
    assert study.results().missing == ["ddpg_her-goal_reacher-1"]
    assert "Not all runs are through" in (study.folder / "report.html").read_text()


LONG = {**TINY, "total_steps": 2000, "eval_interval": 500, "checkpoint_interval": 500}
_SCRIPT = """
import json, sys
from bnpo.study import Study
print("begun", flush=True)
plan = json.loads(sys.argv[1])
Study(**plan).run(progress_bar=False)
"""


def test_a_killed_study_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    plan: dict[str, Any] = {"presets": ["ddpg_her"], "seeds": 1, "overrides": LONG}
    plan["folder"] = str(folder)
    paths = [str(Path(bnpo.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, script, json.dumps(plan)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdout=said,
        )
    run = folder / "runs" / "ddpg_her-goal_reacher-0"
    deadline = time.monotonic() + 60
    while not [*run.glob("checkpoints/step-*.json")]:
        assert process.poll() is None, "the study ended before its first checkpoint"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "said").read_text() == "begun\n"  # no run imports the script
    Study(**plan).run(progress_bar=False)
    assert json.loads((run / "run.json").read_text()).get("resumed") == 1
    assert found(run) == found(single(tmp_path, 0, LONG))


def test_a_run_that_cannot_go_on_says_why_and_starts_over(finished: Study, tmp_path: Path) -> None:
    study = tiny(shutil.copytree(finished.folder, tmp_path / "study"))
    damaged, policy_alone = (study.runs / f"ddpg_her-goal_reacher-{seed}" for seed in (0, 1))
    for run in (damaged, policy_alone):
        (run / "summary.json").unlink()
    for manifest in damaged.glob("checkpoints/step-*.json"):
        manifest.write_text("{")
    CheckpointFolder(policy_alone / "checkpoints", keep=1).save({"agent": {}}, 80)
    study.run(progress_bar=False)
    for run, reason in ((damaged, "is damaged: "), (policy_alone, "holds a policy alone")):
        checkpoint = run / "checkpoints" / "step-000000080.json"
        log = (study.folder / "logs" / f"{run.name}.log").read_text()
        assert f"{run} starts over: checkpoint {checkpoint} {reason}" in log
        assert found(run) == found(finished.runs / run.name)


def test_a_folder_in_use_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnpo.study.processes.folder_lock.PATIENCE", 0.1)
    study = tiny(tmp_path / "study")
    study.folder.mkdir()
    with alone(study.folder), pytest.raises(RunError, match="in use"):
        study.run(progress_bar=False)


def test_the_namespace_has_studies(pretended: Path) -> None:
    study = bnpo.Study(folder=pretended, **PRETENDED)
    assert len(study.results().cells) == 4


def test_what_takes_long_begins_first() -> None:
    tasks: dict[str, Any] = {
        "goal_reacher": {},
        "fetch_reach": {"total_steps": 400},
        "longer": {"task": "goal_reacher", "total_steps": 800},
    }
    plan = StudyPlan(presets=["ppo"], tasks=tasks, seeds=2, overrides={"total_steps": 400})
    assert [job.name for job in sorted(plan.jobs(), key=late)] == [
        "ppo-longer-0",
        "ppo-longer-1",
        "ppo-fetch_reach-0",
        "ppo-goal_reacher-0",
        "ppo-fetch_reach-1",
        "ppo-goal_reacher-1",
    ]
