"""SAC, TD3, DA-AC and REPPO: gradients by hand, where they bootstrap, what moves with each step."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bnpo.brains import DAAC, REPPO, SAC, TD3, EntropyBonus, Sample
from bnpo.brains.entropy import entropy_bonus
from bnpo.brains.rule import NextPolicy
from bnpo.networks import gaussian
from tests.brains.linear_gaussian import sample_of, transitions


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def sample(mu: Tensor, sigma: Tensor, **fields: Any) -> Sample:
    """Two states whose behaviour was Normal(0, 1) and whose Q is -(mu - 1)^2 - 3 sigma^2."""
    zeros = torch.zeros_like(mu)
    batch = transitions(action=zeros, mu=zeros, sigma=zeros + 1)
    return sample_of(
        batch,
        mu,
        sigma,
        zeros[:, 0],
        climb=lambda m, s: (-((m - 1) ** 2) - 3 * s**2).sum(-1),
        **fields,
    )


def gradient(rule: Any, mu: Tensor, sigma: Tensor, **fields: Any) -> tuple[Tensor, Tensor]:
    """Gradient of the summed objective by mu and sigma, both [B]."""
    mu, sigma = mu.clone().requires_grad_(), sigma.clone().requires_grad_()
    value, _ = rule.objective(sample(mu, sigma, **fields))
    by_mu, by_sigma = torch.autograd.grad(value.sum(), (mu, sigma), materialize_grads=True)
    return by_mu[:, 0], by_sigma[:, 0]


MU, SIGMA, NOISE = column(0.5, -0.25), column(0.5, 0.5), column(1.0, -2.0)


def test_sac_climbs_reparameterised_actions() -> None:
    # a = mu + sigma eps: 0.5 + 0.5 = 1 and -0.25 - 1 = -1.25. dQ/da = -2 (a - 1): 0 and 4.5 at
    # the point mass (a, 0); by mu it is that, by sigma that times eps: 0 and -9.
    by_mu, by_sigma = gradient(SAC(), MU, SIGMA, noise=NOISE)
    assert by_mu.tolist() == [0.0, 4.5]
    assert by_sigma.tolist() == [0.0, -9.0]


def test_sac_has_no_slope_beyond_the_box() -> None:
    clipped = dataclasses.replace(
        sample(MU.requires_grad_(), SIGMA, noise=NOISE), clip=lambda a: a.clamp(-1, 1)
    )
    value, _ = SAC().objective(clipped)
    (by_mu,) = torch.autograd.grad(value.sum(), clipped.mu)
    assert by_mu[:, 0].tolist() == [0.0, 0.0]  # at 1, where dQ/da = 0, and cut from -1.25 to -1


def test_td3_climbs_the_mean_action() -> None:
    # dQ/da = -2 (mu - 1) at (mu, 0): 1 and 2.5; c2 z^2 with z = mu takes 2 c2 mu: 0.1 and -0.05.
    by_mu, by_sigma = gradient(TD3(action_l2=0.1), MU, SIGMA)
    assert by_mu.tolist() == pytest.approx([1.0 - 0.1, 2.5 + 0.05])
    assert by_sigma.tolist() == [0.0, 0.0]


def test_da_ac_climbs_mean_and_scale() -> None:
    by_mu, by_sigma = gradient(DAAC(), MU, SIGMA)
    assert by_mu.tolist() == [1.0, 2.5]
    assert by_sigma.tolist() == [-3.0, -3.0]  # d(-3 sigma^2) = -6 sigma


def test_reppo_climbs_within_its_bound_and_returns_from_beyond() -> None:
    # KL(N(0, 1) || N(mu, sigma)) = log sigma + (1 + mu^2) / 2 sigma^2 - 1/2:
    # at (0.1, 1): 0.005, within 0.1: Q of a = 0.1 + 1 = 1.1 has slope -0.2, times eps by sigma;
    # and the bonus, here 0.5 sigma, adds 0.5 by sigma.
    # at (1, 1): 0.5, beyond: -2 KL has slopes -2 mu / sigma^2 = -2 by mu and
    # -2 (1 / sigma - (1 + mu^2) / sigma^3) = 2 by sigma; no bonus.
    mu, sigma = column(0.1, 1.0).requires_grad_(), column(1.0, 1.0).requires_grad_()
    value, info = REPPO(kl_bound=0.1).objective(
        sample(
            mu, sigma, noise=column(1.0, 1.0), entropy_bonus=0.5 * sigma[:, 0], state={"beta": 2.0}
        )
    )
    by_mu, by_sigma = torch.autograd.grad(value.sum(), (mu, sigma))
    assert by_mu[:, 0].tolist() == pytest.approx([-0.2, -2.0])
    assert by_sigma[:, 0].tolist() == pytest.approx([-0.2 + 0.5, 2.0])
    assert float(info["kl"]) == pytest.approx((0.005 + 0.5) / 2)
    assert float(info["inside"]) == 0.5


def test_reppo_of_distributions_climbs_mean_and_scale() -> None:
    by_mu, by_sigma = gradient(REPPO(values="distribution", kl_bound=10.0), MU, SIGMA)
    assert by_mu.tolist() == [1.0, 2.5]
    assert by_sigma.tolist() == [-3.0, -3.0]


def test_reppos_multiplier_moves_with_the_excess_of_the_kl() -> None:
    rule = REPPO(kl_bound=0.1, beta_rate=0.5)
    # log beta += 0.5 (0.3 / 0.1 - 1) = 1 above the bound; 0.5 (0 - 1) = -0.5 at no KL at all
    assert rule.adapt({"beta": 2.0}, {"kl": 0.3})["beta"] == pytest.approx(2.0 * math.e)
    assert rule.adapt({"beta": 2.0}, {"kl": 0.0})["beta"] == pytest.approx(2.0 * math.exp(-0.5))
    assert rule.adapt({"beta": 2.0}, {}) == {}
    assert REPPO(beta_rate=0.0).initial_state() == {}


def next_policy(noise: Tensor) -> NextPolicy:
    half = torch.tensor([2.0], dtype=torch.float64)
    return NextPolicy(
        mu=MU,
        sigma=SIGMA,
        half_range=half,
        clip=lambda a: a.clamp(-half, half),
        noise=lambda: noise,
    )


def test_where_the_rules_bootstrap() -> None:
    policy = next_policy(column(1.0, -10.0))
    # SAC: mu + sigma eps = 1 and -5.25, clipped to -2.
    # TD3: noise 0.2 eps clipped to 0.5, times half the range 2: 0.4 and -1; 0.9 and -1.25.
    for rule, expected in ((SAC(), [1.0, -2.0]), (REPPO(), [1.0, -2.0]), (TD3(), [0.9, -1.25])):
        point, scale = rule.bootstrap_point(policy)
        assert point[:, 0].tolist() == pytest.approx(expected)
        assert scale[:, 0].tolist() == [0.0, 0.0]
    for other in (DAAC(), REPPO(values="distribution")):
        point, scale = other.bootstrap_point(policy)
        assert torch.equal(point, MU)
        assert torch.equal(scale, SIGMA)


@pytest.mark.parametrize("online", [True, False])
def test_sac_bootstraps_from_the_policy_of_the_moment(
    online: bool, make_brain: Any, make_batch: Any
) -> None:
    """Y = r + 0.9 (min Q'(s', a', 0) + c H), a' of the online actor, noise of its generator."""
    bonus = EntropyBonus(coefficient=0.3, in_target=True)
    rule = SAC(entropy=bonus) if online else TD3(smoothing=0.0)
    brain = make_brain(rule, critics=2, reduce="min", regress="point", dtype=torch.float64)
    batch = make_batch(brain.networks)
    with torch.no_grad():
        brain.networks.target_actor.head.bias.add_(1.0)
    again = torch.Generator()
    again.set_state(brain.generator.get_state())
    y = brain.td_target(batch, brain.networks.target_actor)
    actor = brain.networks.actor if online else brain.networks.target_actor
    features = brain.networks.encoder(batch.next_observation, batch.next_goal)
    mu, sigma = actor(features)
    noise = torch.randn(mu.shape, dtype=mu.dtype, generator=again)
    action = (mu + sigma * noise * online).clamp(-1, 1)
    q = brain.networks.target_critic(features, action, torch.zeros_like(sigma)).amin(0)
    soft = 0.3 * gaussian.entropy(sigma)[:, None] * online
    torch.testing.assert_close(y, batch.reward + 0.9 * (q + soft))


def test_known_bounds_of_the_return_do_not_bound_a_soft_one(
    make_brain: Any, make_batch: Any
) -> None:
    """Q' = 0 and r = 0 under bounds (-1, 0): y = 0.9 c H stands, and y without entropy is 0."""
    targets = []
    for in_target in (True, False):
        bonus = EntropyBonus(coefficient=1.0, in_target=in_target)
        brain = make_brain(SAC(entropy=bonus), target_bounds=(-1.0, 0.0), regress="point")
        with torch.no_grad():
            for parameter in brain.networks.target_critic.parameters():
                parameter.zero_()
            brain.networks.actor.sigma_bias.fill_(100.0)  # sigma at its upper bound, 1
        batch = make_batch(brain.networks).replace(reward=torch.zeros(32, 1))
        targets.append(brain.td_target(batch, brain.networks.actor))
    # H of two actions at sigma = 1: log(2 pi e) = 2.8379; 0.9 of it is 2.5541.
    torch.testing.assert_close(targets[0], torch.full((32, 1), 2.5541), rtol=1e-4, atol=0)
    assert torch.equal(targets[1], torch.zeros(32, 1))


def test_every_look_of_a_step_sees_the_same_actions(make_brain: Any, make_batch: Any) -> None:
    brain = make_brain(SAC(entropy=0.0), regress="point")
    minibatch = brain.prepared(make_batch(brain.networks), None, None, False, 0)
    first, second = (brain.objective(minibatch, minibatch.policy)[0] for _ in range(2))
    assert torch.equal(first, second)
    other = brain.prepared(make_batch(brain.networks), None, None, False, 0)
    assert not torch.equal(brain.objective(other, other.policy)[0], first)


def test_the_entropy_is_tuned_with_every_step_to_minus_one_per_action(
    make_brain: Any, make_batch: Any
) -> None:
    """Log c moves by 0.1 (target - H), target = -2 for two actions of half range 1."""
    bonus = EntropyBonus(coefficient=0.2, target="auto", rate=0.1)
    brain = make_brain(SAC(entropy=bonus), regress="point")
    info = brain.take(make_batch(brain.networks)).info
    expected = 0.2 * math.exp(0.1 * (-2.0 - float(info["entropy"])))
    assert brain.state["entropy_coefficient"] == pytest.approx(expected)


def test_the_automatic_target_is_in_units_of_half_the_range() -> None:
    """Σ (log h - 1): h = 2 and 0.5 cancel, so -2; h = e and e give 0."""
    bonus = EntropyBonus(target="auto")
    for half, target in (([2.0, 0.5], -2.0), ([math.e, math.e], 0.0)):
        tuned = entropy_bonus(bonus, torch.tensor(half))
        assert tuned is not None
        assert tuned.target == pytest.approx(target, abs=1e-6)
