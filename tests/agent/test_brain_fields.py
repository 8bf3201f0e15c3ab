"""Every field of BrainDescription does what its docstring says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from bnpo import Trainer
from bnpo.brains import DDPG, PPO, GradientStep, NaturalStep
from bnpo.replay import ImportanceRatio, TDError, Uniform
from tests.agent.conftest import Spy, likelihood_ratio, pathwise, play


def _parameters(network: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1).clone() for p in network.parameters()])


def test_memory_size_bounds_how_far_back_reanalysis_looks(make_trainer: Any) -> None:
    """Four environments of ten steps finish 40 transitions at once; 40 means the newest 40."""
    trainer: Trainer = make_trainer(pathwise(memory_size=40, recalc_delay=0, credit="n_step"))
    play(trainer, 30)
    table = trainer.agent.replay
    assert table is not None
    newest = table.trajectories.observation[8:12].reshape(-1, 8)  # rows 0-3, 4-7, 8-11
    draws: Any = trainer.agent.brains[0].draws
    transitions = draws.reanalyse(table)
    assert all(bool((newest == row).all(-1).any()) for row in transitions.observation)
    wide: Trainer = make_trainer(pathwise(memory_size=1_000, recalc_delay=0, credit="n_step"))
    play(wide, 30)
    table = wide.agent.replay
    assert table is not None
    newest = table.trajectories.observation[8:12].reshape(-1, 8)
    draws = wide.agent.brains[0].draws
    transitions = draws.reanalyse(table)
    assert not all(bool((newest == row).all(-1).any()) for row in transitions.observation)


@pytest.mark.parametrize("size", [7, 20])
def test_batch_size_is_the_minibatch(size: int, make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(batch_size=size))
    spy = Spy(trainer.agent.brains[0])
    play(trainer, 10)
    assert {len(batch) for batch in spy.batches} == {size}


def test_optim_pool_size_is_the_capacity_of_the_pool(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(optim_pool_size=100))
    play(trainer, 40)
    assert len(trainer.agent.brains[0].pool) == 100


def test_optim_batch_size_is_waited_for_and_drawn(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(optim_pool_size=200, optim_batch_size=120))
    brain = trainer.agent.brains[0]
    drawn: list[int] = []
    original = brain.pool.draw

    def draw(count: int, generator: torch.Generator) -> Any:
        drawn.append(count)
        return original(count, generator)

    brain.pool.draw = draw  # type: ignore[method-assign]
    play(trainer, 20)
    assert brain.gradient_steps == 0  # 80 transitions so far
    play(trainer, 10)
    assert brain.gradient_steps == 4
    assert drawn == [120, 120]


@pytest.mark.parametrize(("epochs", "rounds"), [(1, 4), (2, 2), (4, 1)])
def test_optim_epochs_are_minibatches_of_one_draw(
    epochs: int, rounds: int, make_trainer: Any
) -> None:
    trainer: Trainer = make_trainer(pathwise(optim_epochs=epochs, batch_size=10))
    spy = Spy(trainer.agent.brains[0])
    play(trainer, 10)
    assert trainer.agent.brains[0].rounds == rounds
    first = torch.cat([batch.action for batch in spy.batches[:epochs]])
    # the pool holds 40 distinct transitions: minibatches of one draw do not overlap
    assert len(first.unique(dim=0)) == len(first)


@pytest.mark.parametrize(("delay", "low", "high"), [(0, 400, 400), (3, 70, 130), (10**9, 0, 0)])
def test_recalc_delay_is_the_mean_distance_of_reanalyses(
    delay: int, low: int, high: int, make_trainer: Any
) -> None:
    """Of 400 rounds 400 / (delay + 1); 100 +- 30 is three standard deviations of 8.7 and more."""
    trainer: Trainer = make_trainer(pathwise(recalc_delay=delay, learning_repeat=800))
    brain = trainer.agent.brains[0]
    calls: list[int] = []
    draws: Any = brain.draws
    original = draws.reanalyse

    def reanalyse(table: Any) -> Any:
        calls.append(1)
        return original(table)

    draws.reanalyse = reanalyse
    play(trainer, 10)
    assert brain.rounds == 400
    assert low <= len(calls) <= high


def test_reanalysis_learns_from_one_minibatch_and_pushes_the_draw(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(
        pathwise(recalc_delay=0, optim_pool_size=400, learning_repeat=2)
    )
    play(trainer, 10)
    # 40 on arrival and 40 by the one reanalysis
    assert len(trainer.agent.brains[0].pool) == 80
    assert trainer.agent.brains[0].gradient_steps == 2


def test_lr_actor_is_the_step_of_the_own_optimizer(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(lr_actor=1e-3), likelihood_ratio(lr_actor=1e-5))
    rates = []
    for brain in trainer.agent.brains:
        step = brain.step.actor_step.optimizer
        assert isinstance(step, GradientStep)
        rates.append(step.optimizer.param_groups[0]["lr"])
    assert rates == [1e-3, 1e-5]


def test_lr_critic_is_the_step_of_the_own_optimizer(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(lr_critic=1e-2), pathwise(), lr_critic=3e-4)
    optimizers = [brain.step.critic_step.optimizer for brain in trainer.agent.brains]
    assert [optimizer.param_groups[0]["lr"] for optimizer in optimizers] == [1e-2, 3e-4]
    assert optimizers[0] is not optimizers[1]


@pytest.mark.parametrize("delay", [5, 20])
def test_learning_delay_is_in_steps_of_the_vector_environment(
    delay: int, make_trainer: Any
) -> None:
    trainer: Trainer = make_trainer(pathwise(learning_delay=delay))
    turns = []
    for step in range(1, 41):
        before = trainer.agent.gradient_steps
        play(trainer, 1)
        if trainer.agent.gradient_steps > before:
            turns.append(step)
    # the first segments finish at step 10
    assert turns == [step for step in range(10, 41) if step % delay == 0]


@pytest.mark.parametrize("repeat", [2, 6, 7])
def test_learning_repeat_are_gradient_steps_of_a_turn(repeat: int, make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(learning_repeat=repeat))
    play(trainer, 10)
    assert trainer.agent.gradient_steps == repeat // 2 * 2


@pytest.mark.parametrize("network", ["actor", "critic"])
def test_sync_delta_and_tau_move_the_targets(network: str, make_trainer: Any) -> None:
    """One round a turn; the target moves at every third, by tau of the way."""
    fields = {f"sync_delta_{network[0]}": 3, f"tau_{network}": 0.25, "learning_repeat": 2}
    trainer: Trainer = make_trainer(pathwise(**fields))
    networks = trainer.agent.brains[0].step.networks
    target, online = getattr(networks, f"target_{network}"), getattr(networks, network)
    start = _parameters(target)
    play(trainer, 20)
    assert torch.equal(_parameters(target), start)
    play(trainer, 10)
    expected = start + 0.25 * (_parameters(online) - start)
    torch.testing.assert_close(_parameters(target), expected)


def test_bellman_and_ppo_eps_choose_the_rule(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(
        likelihood_ratio(ppo_eps=0.1), pathwise(), pathwise(ppo_eps=0.3, mean_only=True)
    )
    rules = [brain.step.rule for brain in trainer.agent.brains]
    assert rules == [PPO(eps=0.1), DDPG(), DDPG(clip=0.3, mean_only=True)]


def test_pathwise_with_ppo_eps_weights_by_the_clipped_ratio(make_trainer: Any) -> None:
    """A sample whose ratio is clipped to 0.7 pulls the actor with 0.7 of its weight."""
    trainer: Trainer = make_trainer(pathwise(ppo_eps=0.3, optim_epochs=1))
    spy = Spy(trainer.agent.brains[0])
    play(trainer, 10)
    batch, brain = spy.batches[0], trainer.agent.brains[0].step
    gradients: list[Any] = []
    for shift in (0.0, 50.0):
        own = copy.deepcopy(brain)
        own.networks.actor.load_state_dict(brain.networks.actor.state_dict())
        features = own.networks.encoder(batch.observation, batch.goal)
        with torch.no_grad():
            from bnpo.networks import gaussian

            log_prob = gaussian.log_prob(batch.action, *own.networks.actor(features))
        own.critic_step.optimizer = torch.optim.SGD(own.networks.critic.parameters(), lr=0.0)
        shifted = batch.replace(proximal_log_prob=log_prob + shift)
        type(own).take(own, shifted)
        gradients.append(own.networks.actor.head.bias.grad)
    torch.testing.assert_close(gradients[1], 0.7 * gradients[0])


def test_natural_takes_the_natural_step(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(natural=True), pathwise(natural=False))
    steps = [type(brain.step.actor_step.optimizer) for brain in trainer.agent.brains]
    assert steps == [NaturalStep, GradientStep]
    play(trainer, 10)
    assert trainer.progress.turns["ddpg"]["kl"] <= 0.01


@pytest.mark.parametrize("separate", [True, False])
def test_separate_actors_bootstrap_from_the_own_target(separate: bool, make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(
        pathwise(separate_actors=separate, learning_repeat=40), pathwise()
    )
    first = trainer.agent.brains[0]
    spy = Spy(first)
    play(trainer, 10)
    own = first.step.networks.target_actor
    actors = [own if actor is None else actor for actor in spy.bootstraps]
    assert all(actor is own for actor in actors) == separate
    assert all(any(a is t for t in trainer.agent.target_actors) for a in actors)


def test_prio_schedule_is_the_exponent_of_the_ratios(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(
        pathwise(prio_schedule=lambda step: step / 40), pathwise(prio_schedule=0.0), pathwise()
    )
    laws = [brain.priorities.law for brain in trainer.agent.brains]
    assert laws == [ImportanceRatio(), ImportanceRatio(), Uniform()]
    play(trainer, 10)
    scheduled, flat, plain = trainer.agent.brains
    assert scheduled.priorities.exponent == 1.0  # 40 environment steps
    play(trainer, 10)
    assert scheduled.priorities.exponent == 2.0
    assert (flat.pool.priorities()[-20:] == 1).float().mean() > 0
    assert plain.priorities.exponent is None


def test_sampler_chooses_the_law(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(
        pathwise(sampler="td_error"), pathwise(sampler=ImportanceRatio(clip=2.0))
    )
    assert [brain.priorities.law for brain in trainer.agent.brains] == [
        TDError(),
        ImportanceRatio(clip=2.0),
    ]
    play(trainer, 20)
    by_error, by_ratio = trainer.agent.brains
    assert len(by_error.pool.priorities().unique()) > 10
    assert by_ratio.pool.priorities().max() <= 2.0


def test_actor_delay_is_critic_steps_per_actor_step(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(actor_delay=3, learning_repeat=6))
    spy = Spy(trainer.agent.brains[0])
    play(trainer, 10)
    assert spy.moves_actor == [True, False, False, True, False, False]


def test_rule_and_name(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(
        likelihood_ratio(rule=PPO(eps=0.3)), pathwise(name="explorer"), pathwise(), pathwise()
    )
    assert trainer.agent.brains[0].step.rule == PPO(eps=0.3)
    names = [brain.name for brain in trainer.agent.brains]
    assert names == ["ppo", "explorer", "ddpg", "ddpg_2"]
