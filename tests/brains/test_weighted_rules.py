"""AWR and IPG: gradients by hand, and that a control variate moves no expectation."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bnpo.brains import AWR, IPG
from bnpo.networks import gaussian
from tests.brains.linear_gaussian import sample_of, transitions


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_awr_weighs_the_score_by_the_exponent_of_the_advantage() -> None:
    # Normal(0, 1), actions 1, 2 and -1, y = 0, log 4, 10 against a baseline of 0, beta = 2: weights
    # 1, 4^(1/2) = 2 and min(e^5, 20) = 20. d log pi / d mu = a - mu: 1, 2, -1.
    mu = column(0.0, 0.0, 0.0).requires_grad_()
    action, ones = column(1.0, 2.0, -1.0), column(1.0, 1.0, 1.0)
    batch = transitions(action=action, mu=mu.detach(), sigma=ones)
    y = torch.tensor([0.0, math.log(4.0), 10.0], dtype=torch.float64)
    rule = AWR(beta=2.0, max_weight=20.0, normalize_advantage=False)
    sample = sample_of(batch, mu, ones, y, climb=lambda m, s: 0 * m.sum(-1))
    value, _ = rule.objective(sample)
    (by_mu,) = torch.autograd.grad(value.sum(), mu)
    assert by_mu[:, 0].tolist() == pytest.approx([1.0, 4.0, -20.0])


def test_awr_takes_the_value_of_the_policy_under_the_samples_own_goal() -> None:
    """The baseline is Q at (mu, sigma) of the moment: the recorded one may have pursued another."""
    mu, ones = column(0.5), column(1.0)
    batch = transitions(action=column(1.0), mu=mu - 7, sigma=ones)
    sample = sample_of(batch, mu, ones, ones[:, 0] * 3, climb=lambda m, s: 2 * m.sum(-1))
    value, info = AWR(normalize_advantage=False).objective(sample)
    assert float(info["weight"]) == pytest.approx(math.exp(3 - 2 * 0.5))
    density = gaussian.log_prob(column(1.0), mu, ones)
    assert value.tolist() == pytest.approx((math.exp(2.0) * density).tolist())


def half_right(action: Tensor) -> Tensor:
    """Say of actions what is not quite their return."""
    return action.sin() + action / 2


def ipg_gradient(
    rule: IPG, size: int, seed: int = 0, critic: Callable[[Tensor], Tensor] = half_right
) -> Tensor:
    """Gradient by mu of the mean objective of fresh samples of Normal(0.3, 0.5).

    The return is y = a^2 + a; the critic says Q(a, 0), and 1 of the policy's distribution.
    """
    generator = torch.Generator().manual_seed(seed)
    noise, eps = torch.randn(2, size, 1, dtype=torch.float64, generator=generator)
    mu_b, sigma = torch.full_like(noise, 0.3), torch.full_like(noise, 0.5)
    action = mu_b + sigma * noise
    log_prob = gaussian.log_prob(action, mu_b, sigma)
    batch = transitions(action=action, mu=mu_b, sigma=sigma, behaviour_log_prob=log_prob)
    mean = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    mu = mean.expand_as(mu_b)

    def climb(m: Tensor, s: Tensor) -> Tensor:
        return critic(m).sum(-1)

    y = (action.square() + action)[:, 0]
    sample = sample_of(batch, mu, sigma, y, baseline=torch.ones_like(y), climb=climb, noise=eps)
    value, _ = rule.objective(sample)
    scale = (y - 1.0).std(correction=0) + 1e-6
    (gradients,) = torch.autograd.grad(value.mean() * scale.detach(), mean)
    return gradients


def test_without_a_share_the_control_variate_moves_no_expectation() -> None:
    # d/dmu E[a^2 + a] = 2 mu + 1 = 1.6, with the critic's control variate or without, though its
    # own gradient is E[cos a] + 1/2 = cos(0.3) exp(-0.125) + 0.5 = 1.343.
    for control in (True, False):
        gradient = ipg_gradient(IPG(nu=0.0, control_variate=control), 400_000)
        assert float(gradient) == pytest.approx(1.6, abs=0.02)


def test_at_a_share_of_one_the_critics_gradient_is_left() -> None:
    for control in (True, False):
        gradient = ipg_gradient(IPG(nu=1.0, control_variate=control), 400_000)
        assert float(gradient) == pytest.approx(math.cos(0.3) * math.exp(-0.125) + 0.5, abs=0.005)


def test_between_them_the_gradients_interpolate() -> None:
    # (1 - 0.25) 1.6 + 0.25 * 1.343 = 1.536
    for control in (True, False):
        gradient = ipg_gradient(IPG(nu=0.25, control_variate=control), 400_000)
        assert float(gradient) == pytest.approx(1.536, abs=0.02)


def test_a_control_variate_that_knows_the_return_leaves_the_pathwise_noise() -> None:
    # With Q(a, 0) = y nothing is left for the likelihood ratio: y' = 2 (0.3 + 0.5 e) + 1 has the
    # spread 1, so the mean of 64 has 0.125. Without it the sample is A z / 0.5 with
    # A = 0.25 z^2 + 0.8 z - 0.61: 0.5 z^3 + 1.6 z^2 - 1.22 z, whose second moment is
    # 15/4 + 3 (1.6^2 - 1.22) + 1.22^2 = 9.258 and mean 1.6: sqrt(9.258 - 2.56) / 8 = 0.3235.
    for control, expected in ((True, 0.125), (False, 0.3235)):
        rule = IPG(nu=0.0, control_variate=control)
        gradient = [
            ipg_gradient(rule, 64, seed, critic=lambda a: a.square() + a) for seed in range(400)
        ]
        assert float(torch.stack(gradient).std()) == pytest.approx(expected, rel=0.15)


def test_doubt_takes_the_share_from_a_critic_whose_members_disagree() -> None:
    """Members 0 and 2: d = 1. nu = 0.5 / (1 + doubt / s), s = 2, the spread of y = -2 and 2."""
    mu, ones = column(0.0, 0.0), column(1.0, 1.0)
    batch = transitions(action=mu, mu=mu, sigma=ones)
    y = torch.tensor([-2.0, 2.0], dtype=torch.float64)
    zeros = torch.zeros_like(y)
    sample = sample_of(
        batch, mu, ones, y, members=lambda m, s: torch.stack((zeros, zeros + 2)), baseline=zeros
    )
    _, info = IPG(nu=0.5, doubt=6.0).objective(sample)
    assert float(info["nu"]) == pytest.approx(0.5 / (1 + 6.0 * 1.0 / 2.0), rel=1e-5)
    _, info = IPG(nu=0.5).objective(sample)
    assert float(info["nu"]) == 0.5
