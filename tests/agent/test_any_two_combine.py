"""Any two rules train one actor, one critic and one replay in one list."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from tests.agent.toys import MakeToy, brain_of

SMALL: dict[str, Any] = {
    "batch_size": 30,
    "optim_pool_size": 240,
    "optim_batch_size": 60,
    "optim_epochs": 2,
    "learning_delay": 3,
    "learning_repeat": 4,
    "actor_delay": 1,
    "memory_size": 480,
}

BRAINS: dict[str, dict[str, Any]] = {
    preset: brain_of(preset, **SMALL)
    for preset in (
        "vpg_simple",
        "vpg_constant",
        "vpg_q",
        "a2c",
        "npg",
        "trpo",
        "ppo",
        "ppo_kl",
        "ppo_fs",
        "ppo_her_shift",
        "is_return",
        "ddpg",
        "ddpg_her",
    )
} | {preset: brain_of(preset, "ddpg", **SMALL) for preset in ("bnpo", "bpo_ir", "bpo_per")}


@pytest.mark.parametrize(
    "pair", [*itertools.combinations_with_replacement(BRAINS, 2)], ids="+".join
)
def test_two_rules_combine(pair: tuple[str, str], make_toy: MakeToy) -> None:
    brains = {f"{place}_{name}": BRAINS[name] for place, name in zip("ab", pair, strict=True)}
    trainer = make_toy(brains, steps=3, sparse="her" in pair[0], drift=0.05)
    agent = trainer.agent
    before = torch.cat([p.detach().reshape(-1).clone() for p in agent.actor.parameters()])
    for _ in range(6):
        trainer.step()
    assert [brain.gradient_steps for brain in agent.brains] == [8, 8]
    for network in (agent.actor, *agent.critics, *agent.target_actors, *agent.target_critics):
        assert all(bool(torch.isfinite(p).all()) for p in network.parameters())
    after = torch.cat([p.detach().reshape(-1) for p in agent.actor.parameters()])
    assert not torch.equal(before, after)
    assert set(trainer.progress.turns) == set(brains)
