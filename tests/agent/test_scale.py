"""One vector of 1,024 environments, batches of 65,536, networks of 1,024 x 3."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from typing import Any

import pytest
import torch

from bnpo import Trainer
from bnpo.compose.composition import compose
from bnpo.presets import build_agent, build_train_config


def _trainer(num_envs: int, batch: int, width: int, device: str = "cpu") -> Trainer:
    """DDPG with hindsight whose pool is full and whose turns are taken by hand."""
    hidden = [width] * 3
    config: dict[str, Any] = compose(
        ["ddpg_her", "goal_reacher"],
        {
            "num_envs": num_envs,
            "total_steps": 10**9,
            "eval_episodes": 1,
            "agent.device": device,
            "agent.replay_size": 100 * num_envs,
            "agent.networks.actor_hidden": hidden,
            "agent.networks.critic_hidden": hidden,
            "agent.networks.critics": 1,
            "brains.ddpg.batch_size": batch,
            "brains.ddpg.optim_batch_size": batch,
            "brains.ddpg.optim_pool_size": batch,
            "brains.ddpg.optim_epochs": 1,
            "brains.ddpg.actor_delay": 1,
            "brains.ddpg.learning_delay": 10**9,
        },
    )
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    while len(trainer.agent.brains[0].pool) < batch:
        trainer.step()
    return trainer


def _round(trainer: Trainer) -> Callable[[], Any]:
    agent, replay = trainer.agent, trainer.agent.replay
    assert replay is not None
    return lambda: agent.brains[0].round(replay, agent.target_actors)


def _calls(function: Callable[[], Any]) -> int:
    profile = cProfile.Profile()
    profile.runcall(function)
    total: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return total


@pytest.mark.slow
def test_no_python_loop_grows_with_the_sizes() -> None:
    small, large = _trainer(64, 1_024, 32), _trainer(1_024, 65_536, 1_024)
    loops = []
    for trainer in (small, large):
        learn = _round(trainer)
        learn()  # allocates what a first step allocates
        loops.append((_calls(trainer.step), _calls(learn)))
        trainer.close()
    for few, many in zip(*loops, strict=True):
        assert many <= 1.1 * few


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gradient_step_on_a_device_never_waits_for_the_host() -> None:
    trainer = _trainer(1_024, 65_536, 1_024, device="cuda")
    learn = _round(trainer)
    for _ in range(3):
        learn()
    torch.cuda.set_sync_debug_mode("error")
    try:
        learn()
    finally:
        torch.cuda.set_sync_debug_mode("default")
        trainer.close()
