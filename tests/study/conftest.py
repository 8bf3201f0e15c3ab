"""A study small enough for tests, and runs that were never trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bnpo.compose.composition import compose_run
from bnpo.config import RunConfig
from bnpo.experiment import main
from bnpo.files import write_json
from bnpo.presets import write_config
from bnpo.runs.reading import history_state
from bnpo.runs.summary import Summary
from bnpo.study.plan import StudyPlan
from bnpo.types.history import History, Metric, Record

TINY: dict[str, Any] = {
    "total_steps": 80,
    "eval_interval": 40,
    "eval_episodes": 2,
    "num_envs": 4,
    "checkpoint_interval": 40,
    "env_kwargs.episode_steps": 10,
    "agent.max_steps": 10,
    "agent.warmup_steps": 0,
    "agent.networks.actor_hidden": [8],
    "agent.networks.critic_hidden": [8],
    "brains.ddpg.batch_size": 16,
    "brains.ddpg.optim_batch_size": 16,
    "brains.ddpg.learning_delay": 5,
    "brains.ddpg.learning_repeat": 4,
}
"""Overrides of the preset ddpg_her."""

Command = Callable[[str], tuple[int, str, str]]
"""Runs a command line and returns status, output and errors."""


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a command line in process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(line.split())
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def pretend(
    folder: Path,
    values: list[float],
    *,
    metric: Metric = "success_rate",
    threshold: float = 0.95,
    run: RunConfig | None = None,
) -> Path:
    """Leave what a finished run leaves, with these evaluations every 100 steps."""
    run = run or compose_run(["ddpg_her"], {})
    records = [
        Record(
            env_steps=100 * number,
            gradient_steps=10 * number,
            wall_s=2.0 * number,
            episodes=10,
            success_rate=value if metric == "success_rate" else None,
            mean_return=value,
            mean_length=50.0,
        )
        for number, value in enumerate(values, 1)
    ]
    history = History(metric, threshold, records)
    Summary.of(
        history,
        env_id=run.task.env,
        preset=run.task.preset,
        seed=run.task.seed,
        status="completed",
        env_steps=records[-1].env_steps,
        gradient_steps=records[-1].gradient_steps,
        wall_s=records[-1].wall_s,
    ).write(folder / "summary.json")
    write_json(folder / "history.json", history_state(history))
    write_json(folder / "config.json", write_config(run))
    return folder


PRETENDED: dict[str, Any] = {
    "name": "pretended",
    "presets": ["bpo", "ddpg_her"],
    "tasks": ["goal_reacher", "fetch_reach"],
    "seeds": 3,
}


@pytest.fixture
def pretended(tmp_path: Path) -> Path:
    """Return the folder of a study whose runs were never trained: bpo reaches more than ddpg_her.

    Its runs are those of PRETENDED.
    """
    folder = tmp_path / "pretended"
    for job in StudyPlan(**PRETENDED).jobs():
        top = {"bpo": 0.97, "ddpg_her": 0.6}[job.preset] + 0.01 * job.seed
        values = [round(top * share, 3) for share in (0.1, 0.5, 0.9, 1.0, 1.0)]
        pretend(folder / "runs" / job.name, values, run=job.run)
    return folder
