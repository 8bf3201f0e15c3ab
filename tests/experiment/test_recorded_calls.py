"""``bnpo.train(agent, record="runs")`` leaves the run that the command line leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import bnpo
from bnpo.compose.overrides import parse
from bnpo.credit import GAE
from bnpo.experiment import main
from bnpo.runs import load_history, load_summary, read_run
from tests.experiment.conftest import TINY

SMALL: dict[str, Any] = {**dict(parse(TINY)[1]), "video": "off"}
QUIET: dict[str, Any] = {"progress_bar": False}


class Own(GAE):
    """A scheme that a user wrote."""


def agent_of(**changes: Any) -> bnpo.Agent:
    return bnpo.make_agent("bpo", "goal_reacher", **{**SMALL, **changes})


def own_scheme() -> bnpo.Agent:
    """An agent with a scheme of a class that was defined where no other process finds it."""
    Own.__module__ = "__main__"
    agent = agent_of()
    ppo, ddpg = agent.descriptions
    return bnpo.Agent.for_env(
        "bnpo/GoalReacher-v0",
        [bnpo.BrainDescription(**{**vars(ppo), "credit": Own()}), ddpg],
        config=agent.config,
        env_kwargs={"episode_steps": 10},
    )


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command line in an empty folder; return its status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main(words)
        return (status, *capfd.readouterr())

    return run


def test_a_recorded_call_leaves_what_the_command_line_leaves(
    finished_run: Path, told: Any, tmp_path: Path
) -> None:
    agent = agent_of(video="end")
    history = bnpo.train(agent, record="runs")
    run = tmp_path / "runs" / "1"
    assert agent.folder == Path("runs/1")
    for folder in ("", "checkpoints"):
        ours, theirs = (
            sorted(p.suffix for p in (f / folder).iterdir()) for f in (run, finished_run)
        )
        assert ours == theirs
    assert (run / "config.json").read_text() == (finished_run / "config.json").read_text()
    assert load_summary(run).without_times() == load_summary(finished_run).without_times()
    assert json.loads((run / "run.json").read_text())["status"] == "COMPLETED"
    metrics = [json.loads((f / "metrics.json").read_text()) for f in (run, finished_run)]
    returns = [metric["mean_return"]["values"] for metric in metrics]
    assert returns[0] == returns[1] == [record.mean_return for record in history]
    assert "success rate" in (run / "cout.txt").read_text()
    assert "completed" in told("runs")[1]


def test_a_recorded_run_is_resumed_and_a_later_call_goes_on(told: Any, tmp_path: Path) -> None:
    agent = agent_of()
    bnpo.train(agent, 200, record="runs", **QUIET)
    assert told("resume", "1", "with", "total_steps=400")[0] == 0
    resumed = bnpo.load("runs/1")
    unbroken = agent_of()
    bnpo.train(unbroken, 400, **QUIET)
    for one, other in zip(resumed.actor.parameters(), unbroken.actor.parameters(), strict=True):
        assert torch.equal(one, other)  # to the same bits as without a stop
    lines = len(agent.history.training) if agent.history else 0
    history = bnpo.train(agent, 600, record="runs", **QUIET)
    assert agent.folder == Path("runs/2")
    assert [record.env_steps for record in history] == [200, 400, 600]
    kept = load_history("runs/2")
    assert [record.env_steps for record in kept] == [200, 400, 600]
    assert len(kept.training) == len(history.training) > lines > 0
    steps = json.loads((tmp_path / "runs/2/metrics.json").read_text())["mean_return"]["steps"]
    assert steps == [200, 400, 600]
    assert read_run(tmp_path / "runs/2").env_steps == 600


def test_what_has_no_name_is_told_and_the_policy_is_of_use(
    told: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Mine(bnpo.Callback):
        def on_step(self, run: Any) -> None: ...

    lengths: dict[str, Any] = {
        "num_envs": 4,
        "eval_interval": 100,
        "eval_episodes": 2,
        "checkpoint_interval": 100,
    }
    agent = own_scheme()
    with caplog.at_level("WARNING", logger="bnpo"):
        bnpo.train(agent, 200, record="runs", callbacks=[Mine()], video="off", **lengths, **QUIET)
    (message,) = caplog.messages
    assert message.startswith("brains.ppo.credit = __main__:Own, callback Mine: known to this")
    for line in ("runs", "plot 1", "evaluate 1 episodes=2", "compare 1 1"):
        assert told(*line.split())[0] == 0, line
    status, _, errors = told("resume", "1", "total_steps=400")
    assert status == 2
    assert "config.json configures no run here: brains.ppo: credit = '__main__:Own'" in errors
    loaded = bnpo.load("runs/1")
    for one, other in zip(loaded.actor.parameters(), agent.actor.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(bnpo.ConfigError, match="__main__:Own: known to the process alone"):
        bnpo.train(loaded, 400, **QUIET)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"record": 3}, "record = 3: allowed is a folder, or None"),
        ({"record": "runs", "video": "of"}, "TaskConfig.video = 'of': allowed is off, end, or"),
        ({"record": "runs", "callbacks": [3]}, "'int' is no callback"),
        ({"record": "file"}, "runs folder file cannot be written: File exists"),
        ({"video": "off"}, "video = 'off': allowed with record=FOLDER"),
    ],
)
def test_bad_input_is_told_before_a_folder_is_made(
    settings: dict[str, Any], message: str, told: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(bnpo.ConfigError) as caught:
        bnpo.train(agent_of(), **settings)
    assert message in str(caught.value)
    assert not [*tmp_path.glob("runs/*")]


def test_an_interrupt_leaves_the_run_and_is_passed_on(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupt(bnpo.Callback):
        def on_evaluation(self, run: Any, record: Any) -> None:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    agent = agent_of()
    with pytest.raises(KeyboardInterrupt):
        bnpo.train(agent, record="runs", callbacks=[Interrupt()], **QUIET)
    assert agent.env_steps == 200
    assert json.loads(Path("runs/1/run.json").read_text())["status"] == "INTERRUPTED"
    assert told("resume", "1")[0] == 0
    assert load_summary("runs/1").env_steps == 400
