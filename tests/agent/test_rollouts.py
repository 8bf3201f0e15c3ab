"""Rollouts of the policy itself: who acts, what a turn sees of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bnpo import ConfigError
from tests.agent.conftest import Spy, likelihood_ratio, pathwise, play


def test_a_share_of_the_environments_acts_as_the_policy_itself(make_trainer: Any) -> None:
    """Of four environments two, the first; the multiples of exploration go to the rest."""
    brains = likelihood_ratio(), pathwise(credit="her")
    trainer = make_trainer(*brains, exploration=(0.5, 2.0), on_policy_share=0.5)
    agent = trainer.agent
    assert agent.config.multiples(4) == (1.0, 1.0, 0.5, 2.0)
    decision = agent.act(trainer.stepper.observation)
    assert decision.on_policy.tolist() == [True, True, False, False]
    torch.testing.assert_close(decision.sigma[3], 4 * decision.sigma[2])
    play(trainer, 20)
    assert agent.replay is not None
    assert agent.replay.on_policy[:8].tolist() == [True, True, False, False] * 2
    assert len(agent.brains[0].pool) == 2 * 20  # two environments, twenty steps
    assert len(agent.brains[1].pool) == agent.brains[1].pool.capacity == 40  # of 4 * 20


def test_a_list_that_acts_nowhere_on_policy_is_refused(make_trainer: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"brain 0: sources = 'auto' .* set agent.on_policy_share"
    ):
        make_trainer(likelihood_ratio(), exploration=(0.5, 2.0))
    with pytest.raises(ConfigError, match="parameter_noise"):
        make_trainer(likelihood_ratio(sources="on_policy"), parameter_noise=0.5)
    make_trainer(likelihood_ratio(sources="all"), exploration=(0.5, 2.0))


@pytest.mark.parametrize("num_envs", [1, 4, 6])
def test_a_turn_sees_its_rollout_whole_and_once(num_envs: int, make_trainer: Any) -> None:
    """Turns every ten steps of segments of ten: ten transitions of each environment a turn."""
    sizes = dict.fromkeys(("batch_size", "optim_pool_size", "optim_batch_size"), "rollout")
    brain = likelihood_ratio(**sizes, learning_repeat=4)
    trainer = make_trainer(brain, train={"num_envs": num_envs}, lr_critic=1e-30)
    spy = Spy(trainer.agent.brains[0])
    play(trainer, 30)
    assert len(spy.batches) == 3 * 4  # two passes of two minibatches, three turns
    table = trainer.agent.replay
    assert table is not None
    for turn in range(3):
        for half in (0, 2):
            parts = spy.batches[4 * turn + half : 4 * turn + half + 2]
            seen = torch.cat([part.action for part in parts])
            rows = slice(turn * num_envs, (turn + 1) * num_envs)
            rollout = table.trajectories.action[rows].flatten(0, 1)
            assert sorted(map(tuple, seen.tolist())) == sorted(map(tuple, rollout.tolist()))


def test_rollouts_are_counted_all_or_none(make_trainer: Any) -> None:
    with pytest.raises(ConfigError, match="batch_size = 20: allowed is 'rollout'"):
        likelihood_ratio(optim_pool_size="rollout")
    sizes = dict.fromkeys(("batch_size", "optim_pool_size", "optim_batch_size"), "rollout")
    with pytest.raises(ConfigError, match="TDError"):
        make_trainer(likelihood_ratio(**sizes, sampler="td_error"))


def test_exploration_gives_environments_their_own_scales(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), exploration=(0.5, 1.0), warmup_steps=8)
    warm = trainer.agent.act(trainer.stepper.observation)
    play(trainer, 2)
    decision = trainer.agent.act(trainer.stepper.observation)
    base = trainer.agent.actor(
        trainer.agent.encoder(
            trainer.stepper.observation.observation, trainer.stepper.observation.desired_goal
        )
    )[1]
    assert torch.equal(warm.sigma, base)
    assert torch.equal(decision.sigma / base, torch.tensor([0.5, 1, 0.5, 1])[:, None].expand(4, 2))
    expected = torch.distributions.Normal(decision.mu, decision.sigma).log_prob(decision.action)
    torch.testing.assert_close(decision.log_prob, expected.sum(-1))


def test_no_brain_learns_during_the_warm_up(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), warmup_steps=100)
    play(trainer, 24)
    assert trainer.agent.gradient_steps == 0
    play(trainer, 6)
    assert trainer.agent.gradient_steps > 0
