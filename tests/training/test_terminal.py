"""What a run shows: what it is, a line for each evaluation, warnings above the bar, the end."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from bnpo.training import Trainer, monitor
from bnpo.training.callbacks.terminal import Terminal, warnings_shown
from bnpo.training.monitor import Healthy
from tests.experiment.conftest import Command


def test_a_run_tells_what_it_is_and_a_line_for_each_evaluation(
    command: Command, tmp_path: Path
) -> None:
    status, output, errors = command("with bpo goal_reacher TINY video=off")
    assert status == 0
    lines = output.splitlines()
    assert lines[:6] == [
        "run     1 in runs/1",
        "env     bnpo/GoalReacher-v0, 4 at a time",
        "preset  bpo, seed 0",
        "brains  ppo (PPO, GAE), ddpg (DDPG, HER)",
        "device  cpu, 1 thread",
        "steps   400; evaluated in 4 episodes every 200 steps",
    ]
    title, *table = lines[7:18]
    assert title.split() == [
        *("steps", "success", "return", "training", "return", "steps/s", "evaluation")
    ]
    # A line for each tenth of 400 steps; two of them are evaluations.
    assert [line.split()[0] for line in table] == [str(steps) for steps in range(40, 401, 40)]
    evaluated = [line.split() for line in table if line.split()[1] != "-"]
    assert [line[0] for line in evaluated] == ["200", "400"]
    assert all(line[-1].endswith("%") for line in evaluated)
    assert not any("-" in (line[3], line[4]) for line in evaluated)  # the last training return
    price = next(line for line in lines if line.startswith("evaluations"))
    assert price.endswith("% of the training seconds")
    assert not any(line.startswith("video") for line in lines)
    assert not (tmp_path / "runs/1/policy.gif").exists()
    assert "\r" not in output + errors
    cout = (tmp_path / "runs/1/cout.txt").read_text()
    assert all(line in cout for line in lines)


def test_the_score_stands_where_it_is_what_counts(command: Command, tmp_path: Path) -> None:
    line = "with ddpg_her moving_reacher video=off total_steps=400 eval_episodes=2 num_envs=4"
    settings = "env_kwargs.episode_steps=20 train_episode_steps=20 agent.max_steps=20"
    status, output, _ = command(f"{line} {settings}")
    assert status == 0
    assert "score" in output.splitlines()[7]
    assert "mean score" in output
    assert "success rate" not in output
    _, output, _ = command("runs")
    assert output.split()[:7] == ["run", "status", "preset", "env", "seed", "success", "return"]
    assert output.split()[7] == "score"


class Screen(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


def test_lines_and_warnings_stand_above_the_bar(
    make_trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.agent.conftest import pathwise

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.getLogger("bnpo"), "handlers", [])
    trainer: Trainer = make_trainer(pathwise())
    trainer.progress_bar = True
    said = iter(["look here"])

    def warn(_record: Any) -> None:
        for text in said:
            logging.getLogger("bnpo.health").warning("%s", text)

    trainer.run(warn)
    written = screen.getvalue()
    before, warning, after = written.partition("warning: look here\n")
    assert warning
    # The bar was taken away, by carriage returns and blanks, before the line, and drawn after it.
    assert before.rstrip(" ").endswith("\r")
    assert "step/s" in before
    assert after.startswith("\r")
    assert "400/400" in after
    assert logging.getLogger("bnpo").handlers == []


def test_who_handles_warnings_already_keeps_them(caplog: pytest.LogCaptureFixture) -> None:
    lines: list[str] = []
    with warnings_shown(Terminal(lines.append)):
        logging.getLogger("bnpo.health").warning("mine")
    assert "mine" in caplog.messages
    assert lines == []


def test_what_stayed_unhealthy_is_counted_at_the_end(
    command: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    never = Healthy(quantity="critic_gradient_norm", high=-1.0, remedy="nothing helps")
    monkeypatch.setattr(monitor, "HEALTHY", (never,))
    monkeypatch.setattr(monitor, "WARM_UP", 0)
    monkeypatch.setattr(monitor, "LASTING", 1)
    status, output, _ = command("with bpo goal_reacher TINY video=off")
    assert status == 0
    told = [line for line in output.splitlines() if line.startswith("warning: brain")]
    assert len(told) == 2
    assert told[0].startswith("warning: brain 'ppo': critic_gradient_norm left its range at ")
    assert sum("nothing helps" in message for message in caplog.messages) == 2
