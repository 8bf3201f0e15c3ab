"""A run that is stopped and resumed ends as one that never stopped, in every preset."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bnpo.compose.composition import compose, compose_run
from bnpo.config import RunConfig
from bnpo.experiment import session as sessions
from bnpo.experiment.session import Session
from bnpo.presets import PRESETS
from bnpo.runs import Checkpoint, checkpoint_path
from bnpo.runs.checkpoint import load_checkpoint
from bnpo.runs.summary import Summary
from tests.experiment.preset_tasks import task_of
from tests.experiment.test_training import assert_equal, read

ENVS = 4
STEPS = 480
STOP = 4 * 57
"""Within an episode of ten steps and within the schedules, whose turns come every six steps."""

RUN: dict[str, Any] = {
    **{"total_steps": STEPS, "num_envs": ENVS, "eval_interval": 200, "eval_episodes": 2},
    **{"checkpoint_interval": 160, "env_kwargs": {"episode_steps": 10}},
    **{"agent.max_steps": 10, "agent.warmup_steps": 40, "agent.replay_size": 300},
    **{"agent.networks.actor_hidden": [8], "agent.networks.critic_hidden": [8]},
}

BRAIN: dict[str, Any] = {
    **{"batch_size": 16, "optim_batch_size": 32, "optim_pool_size": 64, "optim_epochs": 2},
    **{"recalc_delay": 1, "learning_delay": 6, "learning_repeat": 4},
}

GUIDANCE = {"plans": 2, "samples": 2, "guesses": 2, "iterations": 3, "fit_steps": 5}


def small(preset: str) -> RunConfig:
    """Return the configuration of a preset, made small."""
    task = task_of(preset)
    brains = compose([preset, task], {})["brains"]
    changes = {f"brains.{name}.{key}": BRAIN[key] for name in brains for key in BRAIN}
    if preset == "gps":
        changes["brains.gps.rule"] = {"name": "gps", "guidance": GUIDANCE}
    if preset == "self_play":
        own = {"interval": 100, "pool_size": 2, "games": 1, "past_share": 0.5}
        changes |= {f"opponents.{key}": value for key, value in own.items()}
    return compose_run([preset, task], {**RUN, **changes})


def run(config: RunConfig, folder: Path, stop: int | None = None) -> Session:
    """Train to the end, or until a step, from where the folder's checkpoint is."""
    session = Session(config, folder, lambda *_: None)
    trainer = session.trainer
    trainer.progress_bar = False
    step = trainer.step

    def watched() -> None:
        step()
        if trainer.agent.env_steps == stop:
            trainer.request_stop()

    trainer.step = watched  # type: ignore[method-assign]
    session.restore()
    session.run()
    session.close()
    return session


QUICK = ("bpo", "bpo_per", "rewheeler_swap", "trpo", "ppo_kl", "gps", "self_play")
"""Presets that between them have every kind of state; the others are tried in the full form."""


@pytest.mark.parametrize(
    "preset",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.faults) for name in PRESETS],
)
def test_a_resumed_run_ends_as_a_straight_one(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "draw_run", lambda *_: [])
    config = small(preset)
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    learnt = run(config, straight).trainer.agent
    assert all(brain.gradient_steps > 0 for brain in learnt.brains)
    halfway = run(config, resumed, STOP).trainer.agent
    assert halfway.env_steps == STOP
    for draw in (random.random, np.random.random, lambda: torch.rand(3)):
        draw()
    run(config, resumed)
    kinds: tuple[Checkpoint, ...] = ("last", "best")
    for kind in kinds:
        paths = checkpoint_path(resumed, kind), checkpoint_path(straight, kind)
        assert paths[0].name == paths[1].name
        assert_equal(load_checkpoint(paths[0]), load_checkpoint(paths[1]), kind)
    assert_equal(read(resumed / "history.json"), read(straight / "history.json"))
    resumed_summary, other = (Summary.read(f / "summary.json") for f in (resumed, straight))
    assert resumed_summary.without_times() == other.without_times()
