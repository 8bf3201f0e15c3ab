"""Facts about one gradient step: what moves, what stays, what the TD target is."""

import copy

import pytest
import torch
from torch import nn

from bnpo.brains import DDPG, PPO, Follower, Rule, target_of
from bnpo.brains.steps.actor import Delayed


def _changed(before: nn.Module, after: nn.Module) -> bool:
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    return any(not torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("rule", [DDPG(), PPO()])
def test_a_step_moves_the_online_networks_and_no_target(rule: Rule, make_brain, make_batch) -> None:
    brain = make_brain(rule)
    before = copy.deepcopy(brain.networks)
    brain.take(make_batch(brain.networks))
    assert _changed(before.actor, brain.networks.actor)
    assert _changed(before.critic, brain.networks.critic)
    assert not _changed(before.target_actor, brain.networks.target_actor)
    assert not _changed(before.target_critic, brain.networks.target_critic)
    for target in (brain.networks.target_actor, brain.networks.target_critic):
        assert not any(p.requires_grad for p in target.parameters())


def test_the_actor_step_leaves_the_critic_alone(make_brain, make_batch) -> None:
    brain = make_brain(DDPG())
    brain.critic_step.optimizer = torch.optim.SGD(brain.networks.critic.parameters(), lr=0.0)
    before = copy.deepcopy(brain.networks.critic)
    brain.take(make_batch(brain.networks))
    assert not _changed(before, brain.networks.critic)


def test_a_delayed_step_leaves_the_actor_alone(make_brain, make_batch) -> None:
    brain = make_brain(DDPG())
    brain.actor_step = Delayed(brain.actor_step, 2)
    before = copy.deepcopy(brain.networks)
    brain.take(make_batch(brain.networks), number=1)
    assert not _changed(before.actor, brain.networks.actor)
    assert _changed(before.critic, brain.networks.critic)


@pytest.mark.parametrize("mean_only", [True, False])
def test_mean_only_leaves_sigma_without_gradient(mean_only: bool, make_brain, make_batch) -> None:
    brain = make_brain(DDPG(mean_only=mean_only))
    brain.take(make_batch(brain.networks))
    gradient = brain.networks.actor.sigma_bias.grad
    assert (gradient is None) == mean_only
    head = brain.networks.actor.head.weight.grad
    assert head is not None
    assert head.any()


def test_the_pathwise_gradient_equals_finite_differences(make_brain, make_batch) -> None:
    brain = make_brain(DDPG(), dtype=torch.float64)
    batch = make_batch(brain.networks)
    brain.critic_step.optimizer = torch.optim.SGD(brain.networks.critic.parameters(), lr=0.0)
    bias = brain.networks.actor.head.bias
    features = brain.networks.encoder(batch.observation, batch.goal)

    def mean_q() -> float:
        with torch.no_grad():
            mu, sigma = brain.networks.actor(features)
            return float(brain.networks.critic.value(features, mu, sigma).mean())

    expected = torch.zeros(2, dtype=torch.float64)
    for i in range(2):
        with torch.no_grad():
            bias[i] += 1e-6
            up = mean_q()
            bias[i] -= 2e-6
            down = mean_q()
            bias[i] += 1e-6
        expected[i] = (up - down) / 2e-6
    brain.actor_step.optimizer.optimizer.param_groups[0]["lr"] = 0.0
    brain.take(batch)
    # the step descends along minus the objective
    torch.testing.assert_close(-bias.grad, expected, rtol=1e-5, atol=1e-8)


def test_climbing_at_the_point_mass_ignores_sigma(make_brain, make_batch) -> None:
    brain = make_brain(DDPG(), climb_point=True)
    brain.take(make_batch(brain.networks))
    assert brain.networks.actor.sigma_bias.grad is None
    assert brain.networks.actor.head.bias.grad is not None


def test_td_target_bootstraps_and_stops_at_terminations(make_brain, make_batch) -> None:
    brain = make_brain(DDPG(), target_bounds=(-1.0, 1.0))
    batch = make_batch(brain.networks)
    batch = batch.replace(discount=torch.where(torch.arange(32) < 16, 0.0, 0.9))
    y = brain.td_target(batch, brain.networks.target_actor)
    features = brain.networks.encoder(batch.next_observation, batch.next_goal)
    q = brain.networks.target_critic.value(features, *brain.networks.target_actor(features))
    torch.testing.assert_close(y[:16], batch.reward[:16].clamp(-1, 1))
    torch.testing.assert_close(y[16:], (batch.reward + 0.9 * q)[16:].clamp(-1, 1))
    assert y.abs().max() <= 1


def test_bootstrapping_from_another_actor_changes_the_target(make_brain, make_batch) -> None:
    brain = make_brain(DDPG())
    batch = make_batch(brain.networks)
    other = target_of(brain.networks.actor)
    with torch.no_grad():
        other.head.bias.add_(1.0)
    own = brain.td_target(batch, brain.networks.target_actor)
    assert not torch.equal(own, brain.td_target(batch, other))


def test_sampler_weights_scale_both_losses(make_brain, make_batch) -> None:
    """A weight of zero on all but one sample is the step on that sample alone."""
    brain, twin = (make_brain(DDPG()) for _ in range(2))
    batch = make_batch(brain.networks, size=4)
    weight = torch.tensor([4.0, 0.0, 0.0, 0.0])
    brain.take(batch, weight=weight)
    twin.take(batch[torch.tensor([0])])
    for a, b in (
        (brain.networks.actor, twin.networks.actor),
        (brain.networks.critic, twin.networks.critic),
    ):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(p, q)


def test_log_ratio_is_zero_on_the_own_rollout(make_brain, make_batch) -> None:
    brain = make_brain(PPO())
    brain.measures_ratio = True
    learnt = brain.take(make_batch(brain.networks))
    assert learnt.log_ratio is not None
    assert not learnt.log_ratio.any()


def test_polyak_moves_a_share_of_the_way() -> None:
    online, target = nn.Linear(2, 2), nn.Linear(2, 2)
    expected = target.weight + 0.25 * (online.weight - target.weight)
    Follower(target, online, 0.25).sync()
    torch.testing.assert_close(target.weight, expected)
