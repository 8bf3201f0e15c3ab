"""What the brain does for rules: moving numbers, drift, early stop, annealed discount."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from bnpo import Trainer
from bnpo.brains import Rule
from bnpo.credit.annealing import gamma_from_half_life, half_life_from_gamma
from tests.agent.conftest import pathwise
from tests.agent.toys import NUM_ENVS, MakeToy, brain_of

TURN: dict[str, Any] = {
    "learning_delay": 10,
    "batch_size": 200,
    "optim_pool_size": 400,
    "optim_batch_size": 400,
}


def _play(trainer: Trainer, turns: int) -> dict[str, float]:
    """Scalars of the last of some turns of the only brain."""
    for _ in range(10 * turns):
        trainer.step()
    (info,) = trainer.progress.turns.values()
    return info


def _ppo_kl(**rule: Any) -> dict[str, Any]:
    fields = {"name": "ppo_kl", "kl_target": 1e-3, **rule}
    return {"ppo_kl": brain_of("ppo_kl", **TURN, lr_actor=3e-3, rule=fields)}


def test_beta_moves_between_turns_and_is_logged(make_toy: MakeToy) -> None:
    trainer = make_toy(_ppo_kl())
    first, second = (_play(trainer, 1) for _ in range(2))
    assert first["beta"] == 1.0
    assert first["kl_turn"] > 1.5e-3
    assert second["beta"] == 2.0


@pytest.mark.parametrize(
    "brains",
    [
        _ppo_kl(),
        _ppo_kl(entropy={"target": -1.0}),
        {"trpo": brain_of("trpo", **TURN)},
        {"is_return": brain_of("is_return", **{**TURN, "batch_size": 400}, memory_size=400)},
    ],
    ids=["ppo_kl", "ppo_kl with tuned entropy", "trpo", "is_return"],
)
def test_resuming_goes_on_exactly(brains: dict[str, Any], make_toy: MakeToy) -> None:
    straight = make_toy(brains)
    _play(straight, 2)
    resumed = make_toy(brains)
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    for one in (straight, resumed):
        _play(one, 2)
    ours, theirs = (
        parameters_to_vector(one.agent.actor.parameters()) for one in (straight, resumed)
    )
    assert torch.equal(ours, theirs)
    assert straight.agent.brains[0].step.state == resumed.agent.brains[0].step.state


def test_a_tuned_entropy_moves_with_its_brain(make_toy: MakeToy) -> None:
    rule = {"name": "ppo", "entropy": {"coefficient": 0.01, "target": -2.0, "rate": 0.1}}
    trainer = make_toy({"ppo": brain_of("ppo", **TURN, rule=rule)})
    turns = [_play(trainer, 1) for _ in range(3)]
    for now, then in zip(turns[1:], turns, strict=False):
        factor = math.exp(0.1 * (-2.0 - then["entropy"]))
        assert now["entropy_coefficient"] == pytest.approx(factor * then["entropy_coefficient"])
    assert turns[0]["entropy_coefficient"] == 0.01


class Counting(Rule):
    """Counts how often its numbers move."""

    pathwise = True

    def initial_state(self) -> dict[str, float]:
        return {"moved": 0.0}

    def adapt(self, state: Any, _info: Any) -> dict[str, float]:
        return {"moved": state["moved"] + 1.0}

    def objective(self, sample: Any) -> Any:
        value = sample.climb(sample.mu, sample.sigma)
        return value, {"q_value": value.detach().mean()}


@pytest.mark.parametrize(("each_step", "moved"), [(True, 8.0), (False, 2.0)])
def test_numbers_of_a_rule_move_with_every_step_or_every_turn(
    each_step: bool, moved: float, make_trainer: Any
) -> None:
    """Two turns of four gradient steps."""
    rule = type("Counted", (Counting,), {"adapts_each_step": each_step})()
    trainer = make_trainer(pathwise(rule=rule))
    brain = trainer.agent.brains[0]
    while brain.gradient_steps < 8:
        trainer.step()
    assert brain.step.state["moved"] == moved


@pytest.mark.parametrize("preset", ["ppo", "a2c", "ddpg"])
def test_where_the_policy_stays_every_sample_counts(preset: str, make_toy: MakeToy) -> None:
    fields: dict[str, Any] = {**TURN, "lr_actor": 1e-30}
    settings = {"dtype": "float64", "networks": {"normalize": False}}
    trainer = make_toy({"only": brain_of(preset, **fields)}, settings)
    info = _play(trainer, 1)
    assert info["effective_sample_size"] == pytest.approx(200, rel=1e-9)
    assert info["kl_behaviour"] == pytest.approx(0, abs=1e-9)


def test_where_it_moves_fewer_count(make_toy: MakeToy) -> None:
    info = _play(make_toy({"ppo": brain_of("ppo", **TURN, lr_actor=1e-2)}), 1)
    assert 1 < info["effective_sample_size"] < 190
    assert info["kl_behaviour"] > 0.02


def test_scalars_of_a_delayed_actor_are_logged(make_toy: MakeToy) -> None:
    """The last gradient step of the turn trains the critic alone."""
    info = _play(make_toy({"ddpg": brain_of("ddpg", **TURN)}), 1)
    assert "q_value" in info


def test_a_turn_ends_early_past_the_target_kl(make_toy: MakeToy) -> None:
    rule = {"name": "ppo", "target_kl": 1e-3}
    trainer = make_toy({"ppo": brain_of("ppo", **TURN, lr_actor=1e-2, rule=rule)})
    _play(trainer, 1)
    assert 0 < trainer.agent.brains[0].gradient_steps < 40


def test_the_target_kl_sees_every_minibatch_of_a_round(make_toy: MakeToy) -> None:
    """A KL of 5, 0, 0, ... before the steps: the first of forty is past the target of 1."""
    rule = {"name": "ppo", "target_kl": 1.0}
    trainer = make_toy({"ppo": brain_of("ppo", **TURN, optim_epochs=10, rule=rule)})
    step = trainer.agent.brains[0].step
    take, measured = step.take, iter([5.0])

    def takes(*args: Any, **options: Any) -> Any:
        learnt = take(*args, **options)
        kl = torch.tensor(next(measured, 0.0))
        return dataclasses.replace(learnt, info=learnt.info | {"approximate_kl": kl})

    step.take = takes  # type: ignore[method-assign]
    _play(trainer, 1)
    assert trainer.agent.brains[0].gradient_steps == 1


@pytest.mark.parametrize(("coefficient", "expected"), [(1.0, 1e-3), (0.5, 5e-4), (0.0, 0.0)])
def test_the_value_coefficient_scales_the_critics_step(
    coefficient: float, expected: float, make_toy: MakeToy
) -> None:
    rule = {"name": "ppo", "value_coefficient": coefficient}
    trainer = make_toy({"ppo": brain_of("ppo", **TURN, rule=rule)})
    before = [p.detach().clone() for p in trainer.agent.critics[0].parameters()]
    (group,) = trainer.agent.brains[0].step.critic_step.optimizer.param_groups
    assert group["lr"] == expected
    _play(trainer, 1)
    after = trainer.agent.critics[0].parameters()
    assert all(torch.equal(p, q) for p, q in zip(before, after, strict=True)) == (not coefficient)


def test_without_target_networks_a2c_bootstraps_from_the_online_ones(make_toy: MakeToy) -> None:
    trainer = make_toy({"a2c": brain_of("a2c", **TURN)}, steps=2)
    networks = trainer.agent.brains[0].step.networks
    seen = []
    original = trainer.agent.brains[0].step.take

    def take(*args: Any, **options: Any) -> Any:
        pairs = (
            (networks.target_actor, networks.actor),
            (networks.target_critic, networks.critic),
        )
        seen.append(
            all(
                torch.equal(p, q)
                for target, online in pairs
                for p, q in zip(target.parameters(), online.parameters(), strict=True)
            )
        )
        return original(*args, **options)

    trainer.agent.brains[0].step.take = take  # type: ignore[method-assign]
    _play(trainer, 2)
    assert seen == [True] * 40


def test_the_discount_follows_its_schedule(make_toy: MakeToy) -> None:
    """Half-lives from 2 to 4 environment steps over 800: 3 at 400, and 4 from there on."""
    schedule = {"start": 2.0, "end": 4.0, "over": 800, "by": "half_life"}
    trainer = make_toy({"ddpg": brain_of("ddpg")}, {"gamma_schedule": schedule}, steps=2)
    agent = trainer.agent
    evaluator = agent.brains[0].evaluator
    gammas = []
    for _ in range(3):
        gammas.append((agent.env_steps, evaluator.gamma))
        for _ in range(400 // NUM_ENVS):
            trainer.step()
    assert [step for step, _ in gammas] == [0, 400, 800]
    half_lives = [half_life_from_gamma(gamma) for _, gamma in gammas]
    assert half_lives == pytest.approx([2.0, 3.0, 4.0])
    pool = agent.brains[0].pool
    drawn, _, _ = pool.draw(len(pool), agent.generator)
    discounts = drawn.discount[drawn.steps == 1]
    assert discounts.min() < gamma_from_half_life(2.5)
    assert discounts.max() > gamma_from_half_life(3.5)
