"""Small agents on the goal Reacher."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bnpo import Agent, AgentConfig, BrainDescription, NetworkConfig, TrainConfig, Trainer
from bnpo.compose.composition import compose
from bnpo.presets import build_agent, build_train_config
from tests.agent.toys import make_toy

__all__ = [
    "Spy",
    "learns",
    "likelihood_ratio",
    "make_toy",
    "make_trainer",
    "parameters",
    "pathwise",
]

SMALL = NetworkConfig(actor_hidden=(16,), critic_hidden=(16,))

ONE_BY_ONE = {"compile": "off"}
"""Gradient steps that a test can watch: compiled ones are taken several in a call."""

LIKELIHOOD_RATIO: dict[str, Any] = {
    "memory_size": 200,
    "batch_size": 20,
    "optim_pool_size": 40,
    "optim_epochs": 2,
    "optim_batch_size": 40,
    "recalc_delay": 10**9,
    "lr_actor": 1e-3,
    "learning_delay": 10,
    "learning_repeat": 4,
    "sync_delta_a": 1,
    "sync_delta_c": 1,
    "tau_actor": 0.1,
    "tau_critic": 0.1,
    "bellman": False,
    "ppo_eps": 0.2,
    "natural": False,
    "mean_only": False,
    "separate_actors": True,
}
PATHWISE: dict[str, Any] = {**LIKELIHOOD_RATIO, "bellman": True, "ppo_eps": None}


def likelihood_ratio(**fields: Any) -> BrainDescription:
    """A small PPO brain."""
    return BrainDescription(**{**LIKELIHOOD_RATIO, **fields})


def pathwise(**fields: Any) -> BrainDescription:
    """A small DDPG brain."""
    return BrainDescription(**{**PATHWISE, **fields})


@pytest.fixture
def make_trainer(request: pytest.FixtureRequest) -> Any:
    """Trainer of an agent with these brains: four environments, segments of ten steps."""

    def make(
        *brains: BrainDescription, seed: int = 0, train: dict[str, Any] | None = None, **config: Any
    ) -> Trainer:
        settings = {
            "networks": SMALL,
            "max_steps": 10,
            "replay_size": 1_000,
            **ONE_BY_ONE,
            **config,
        }
        agent = Agent.for_env(
            "bnpo/GoalReacher-v0",
            list(brains),
            seed=seed,
            config=AgentConfig(**settings),
            env_kwargs={"episode_steps": 10},
        )
        length = {"num_envs": 4, "total_steps": 400, "eval_interval": 200, "eval_episodes": 2}
        trainer = Trainer(agent, TrainConfig(**{**length, **(train or {})}), progress_bar=False)
        request.addfinalizer(trainer.close)
        return trainer

    return make


def play(trainer: Trainer, vector_steps: int) -> None:
    """Take some steps of every environment, with the brains' turns, without evaluation."""
    for _ in range(vector_steps):
        trainer.step()


def parameters(trainer: Trainer) -> torch.Tensor:
    """All parameters of the agent's networks, one after the other."""
    agent = trainer.agent
    networks = [agent.actor, *agent.critics, *agent.target_actors, *agent.target_critics]
    return torch.cat([p.detach().reshape(-1) for n in networks for p in n.parameters()])


class Spy:
    """Records what a brain is given to learn from."""

    def __init__(self, brain: Any) -> None:
        self.batches: list[Any] = []
        self.bootstraps: list[Any] = []
        self.moves_actor: list[bool] = []
        original = brain.step.take
        actor = brain.step.networks.actor

        def take(batch: Any, bootstrap_actor: Any, **options: Any) -> Any:
            self.batches.append(batch)
            self.bootstraps.append(bootstrap_actor)
            before = [p.detach().clone() for p in actor.parameters()]
            learnt = original(batch, bootstrap_actor, **options)
            moved = [not torch.equal(p, q) for p, q in zip(before, actor.parameters(), strict=True)]
            self.moves_actor.append(any(moved))
            return learnt

        brain.step.take = take


def learns(train: dict[str, Any]) -> float:
    """Success rate that the preset bpo has reached on the goal Reacher after 15,000 steps."""
    updates = {"total_steps": 15_000, "eval_interval": 15_000, **train}
    config = compose(["bpo", "goal_reacher"], updates)
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    try:
        success = trainer.run()[-1].success_rate
    finally:
        trainer.close()
    assert success is not None
    return success
