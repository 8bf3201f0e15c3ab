"""The policy: a snapshot stays as it was, and draws as the policy it was taken of."""

from __future__ import annotations

from typing import Any

import torch

from tests.agent.conftest import likelihood_ratio, pathwise, play


def test_a_snapshot_stays_as_it_was_while_the_brains_learn(make_trainer: Any) -> None:
    trainer = make_trainer(likelihood_ratio(), pathwise())
    agent, observation = trainer.agent, trainer.stepper.observation
    snapshot, before = agent.policy.snapshot(version=3), agent.policy.best_action(observation)
    play(trainer, 20)
    assert snapshot.version == 3
    assert torch.equal(snapshot.best_action(observation), before)
    assert not torch.equal(agent.policy.best_action(observation), before)
    assert not any(parameter.requires_grad for parameter in snapshot.actor.parameters())


def test_a_snapshot_draws_like_its_original(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), exploration=(0.5, 2.0), warmup_steps=8)
    agent, observation = trainer.agent, trainer.stepper.observation
    snapshot = agent.policy.snapshot(version=0)
    for env_steps in (0, 8):
        ours, theirs = (torch.Generator().manual_seed(1) for _ in range(2))
        mine = agent.policy.act(observation, env_steps, ours)
        for a, b in zip(mine, snapshot.act(observation, env_steps, theirs), strict=True):
            assert torch.equal(a, b)
