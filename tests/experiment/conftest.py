"""Runs small enough to be made many times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bnpo.experiment import main

TINY = [
    *("total_steps=400", "eval_interval=200", "eval_episodes=4", "num_envs=4"),
    *("checkpoint_interval=200", "env_kwargs.episode_steps=10"),
    *("agent.max_steps=10", "agent.warmup_steps=0"),
    *("agent.networks.actor_hidden=[8]", "agent.networks.critic_hidden=[8]"),
    *("brains.ddpg.batch_size=16", "brains.ddpg.optim_batch_size=16"),
    *("brains.ddpg.learning_repeat=4", "brains.ppo.batch_size=16"),
    *("brains.ppo.optim_batch_size=32", "brains.ppo.optim_pool_size=32"),
]
"""Overrides of the preset bpo."""

Command = Callable[[str], tuple[int, str, str]]
"""Runs a command line and returns status, output and errors."""


@pytest.fixture
def tiny() -> Sequence[str]:
    """Overrides that make a run of bpo small."""
    return TINY


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a command line in process, in an empty folder; TINY stands for the small settings."""
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str, str]:
        capsys.readouterr()
        words = [part for word in line.split() for part in (TINY if word == "TINY" else [word])]
        status = main(words)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished run, which tests must not change."""
    runs = tmp_path_factory.mktemp("finished")
    assert main(["-F", str(runs), "with", "bpo", "goal_reacher", *TINY]) == 0
    return runs / "1"
