"""Facts about the policy gradient, exact on a problem with known values.

Two steps, gamma = 1, a_t ~ N(θ_t, 1), s_1 = a_0, rewards r_0 = 2 a_0, r_1 = 3 a_0 a_1 + a_1 + 4:

    J = 2 θ_0 + 3 θ_0 θ_1 + θ_1 + 4,  ∇J = (2 + 3 θ_1, 3 θ_0 + 1)
    Q_1(s, a) = 3 s a + a + 4,  V_1(s) = 3 s θ_1 + θ_1 + 4,  Q_0(a) = 2 a + V_1(a),  V_0 = J.

Expectations are sums over Gauss-Hermite nodes, exact for polynomials, so nothing is drawn. The
credit schemes and the rule are the package's.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bnpo.brains import VPG
from bnpo.brains.losses import constant_baseline
from bnpo.credit import GAE, FullReturn, NStep, RewardToGo
from bnpo.networks import gaussian
from bnpo.types import Trajectories
from tests.brains.linear_gaussian import sample_of

THETA = torch.tensor([0.4, -0.7], dtype=torch.float64)
GRADIENT = torch.tensor([2 + 3 * -0.7, 3 * 0.4 + 1], dtype=torch.float64)
NODES = 8


def _value(step: Tensor, state: Tensor) -> Tensor:
    start = 2 * THETA[0] + 3 * THETA[0] * THETA[1] + THETA[1] + 4
    return torch.where(step == 0, start, 3 * state * THETA[1] + THETA[1] + 4)


def _q_value(step: Tensor, state: Tensor, action: Tensor) -> Tensor:
    first = 2 * action + 3 * action * THETA[1] + THETA[1] + 4
    return torch.where(step == 0, first, 3 * state * action + action + 4)


class Known:
    """The exact values as an Evaluator."""

    gamma = 1.0
    generator = torch.Generator()

    def value(self, observation: Tensor, goal: Tensor) -> Tensor:
        return _value(observation[:, 0], observation[:, 1])[:, None]


def _all_trajectories() -> tuple[Trajectories, Tensor]:
    """Every pair of nodes as a trajectory, and its probability; observations are (t, s)."""
    points, weights = np.polynomial.hermite_e.hermegauss(NODES)
    noise = torch.tensor(list(itertools.product(points, points)), dtype=torch.float64)
    pairs = itertools.product(weights, weights)
    probability = torch.tensor([a * b for a, b in pairs], dtype=torch.float64)
    action = (THETA + noise)[:, :, None]
    first, second = action[:, 0, 0], action[:, 1, 0]
    size = len(action)
    observation = torch.zeros(size, 3, 2, dtype=torch.float64)
    observation[:, 1] = torch.stack((torch.ones(size), first), 1)
    observation[:, 2, 0] = 2
    mu, sigma = THETA[:, None].expand_as(action), torch.ones_like(action)
    flag = torch.ones(size, dtype=torch.bool)
    stored = Trajectories(
        observation=observation,
        achieved_goal=observation[..., :0],
        desired_goal=observation[..., :0],
        action=action,
        mu=mu,
        sigma=sigma,
        log_prob=gaussian.log_prob(action, mu, sigma),
        reward=torch.stack((2 * first, 3 * first * second + second + 4), 1)[:, :, None],
        length=torch.full((size,), 2),
        terminated=flag,
        truncated=~flag,
    )
    return stored, probability / probability.sum()


def _gradients(rule: VPG, credit: Any, known: Known | None = None) -> tuple[Tensor, Tensor]:
    """Σ_t ∇log π Φ of every trajectory, [S, 2], and its probability [S]."""
    stored, probability = _all_trajectories()
    size = len(stored)
    segment, time = torch.arange(size).repeat_interleave(2), torch.arange(2).repeat(size)
    batch = credit.assign(stored, segment, time, known or Known())
    step, state = batch.observation.unbind(1)
    after = batch.next_observation
    bootstrap = batch.discount * _value(after[:, 0], after[:, 1])
    y = batch.reward[:, 0] + bootstrap
    mu = batch.mu.clone().requires_grad_()
    sample = sample_of(
        batch,
        mu,
        batch.sigma,
        y,
        baseline=_value(step, state),
        climb=lambda action, _: _q_value(step, state, action[:, 0]),
    )
    value, _ = rule.objective(sample)
    (gradient,) = torch.autograd.grad(value.sum(), mu)
    return gradient.reshape(size, 2), probability


def _moments(rule: VPG, credit: Any, known: Known | None = None) -> tuple[Tensor, float]:
    """Mean [2] and total variance of the gradient."""
    gradient, probability = _gradients(rule, credit, known)
    mean = probability @ gradient
    return mean, float(probability @ (gradient - mean).square().sum(1))


PHIS: dict[str, tuple[VPG, Any]] = {
    "full return": (VPG(phi="return"), FullReturn()),
    "reward to go": (VPG(phi="return"), RewardToGo()),
    "reward to go minus baseline": (VPG(phi="advantage"), RewardToGo()),
    "Q": (VPG(phi="q"), NStep()),
    "advantage, one step": (VPG(phi="advantage"), NStep(steps=1)),
    "advantage, GAE": (VPG(phi="advantage"), GAE(gae_lambda=0.5)),
}


@pytest.mark.parametrize("name", PHIS)
def test_every_phi_has_the_policy_gradient_as_its_expectation(name: str) -> None:
    mean, _ = _moments(*PHIS[name])
    torch.testing.assert_close(mean, GRADIENT, rtol=1e-9, atol=1e-9)


def test_with_a_discount_the_return_alone_has_the_gradient_of_the_objective() -> None:
    # gamma = 0.5: J = 2 t0 + 0.5 (3 t0 t1 + t1 + 4), its gradient (2 + 1.5 t1, 0.5 (3 t0 + 1)) =
    # (0.95, 1.1). Reward-to-go has no gamma^t before the second step: 3 t0 + 1 = 2.2 there.
    half = Known()
    half.gamma = 0.5
    for credit, expected in ((FullReturn(), [0.95, 1.1]), (RewardToGo(), [0.95, 2.2])):
        mean, _ = _moments(VPG(phi="return"), credit, half)
        assert mean.tolist() == pytest.approx(expected)


def test_less_noise_in_phi_is_less_variance() -> None:
    variance = {name: _moments(*phi)[1] for name, phi in PHIS.items()}
    assert (
        variance["full return"]
        > variance["reward to go"]
        > variance["reward to go minus baseline"]
        > variance["advantage, one step"]
    )


def test_the_expected_score_is_zero() -> None:
    class One:
        def assign(self, trajectories: Any, segment: Any, time: Any, evaluator: Any) -> Any:
            transitions = RewardToGo().assign(trajectories, segment, time, evaluator)
            return transitions.replace(reward=torch.ones_like(transitions.reward))

    mean, variance = _moments(VPG(phi="return"), One())
    torch.testing.assert_close(mean, torch.zeros(2).double(), rtol=0, atol=1e-12)
    assert variance == pytest.approx(2.0)  # of two standard Normals


def _bandit(size: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Drawn a ~ N(mu, sigma) with return 5 + a + a^2, a constant far from zero."""
    generator = torch.Generator().manual_seed(seed)
    mu = torch.full((size, 1), 0.5, dtype=torch.float64)
    sigma = torch.full_like(mu, 0.8)
    noise = torch.randn(size, 1, generator=generator, dtype=torch.float64)
    action = mu + sigma * noise
    return (5 + action + action.square())[:, 0], action, mu, sigma


def test_the_constant_baseline_is_the_ratio_of_its_definition() -> None:
    phi, action, mu, sigma = _bandit(20, 0)
    baseline = constant_baseline(phi, action, mu, sigma)
    z = (action - mu) / sigma
    score = torch.cat((z / sigma, (z * z - 1) / sigma), 1)  # d log N / d (mu, sigma)
    square = score.square().sum(1)
    others = ~torch.eye(20, dtype=torch.bool)
    expected = [(square * phi)[row].sum() / square[row].sum() for row in others]
    torch.testing.assert_close(baseline, torch.stack(expected))


def test_a_sample_has_no_part_in_its_own_baseline() -> None:
    phi, action, mu, sigma = _bandit(10, 1)
    before = constant_baseline(phi, action, mu, sigma)
    phi[3] += 100
    changed = (constant_baseline(phi, action, mu, sigma) - before).abs() > 1e-9
    assert changed.tolist() == [i != 3 for i in range(10)]


def test_no_other_constant_has_less_variance() -> None:
    phi, action, mu, sigma = _bandit(400_000, 2)
    best = float(constant_baseline(phi, action, mu, sigma).mean())
    z = (action - mu) / sigma
    score = torch.cat((z / sigma, (z * z - 1) / sigma), 1)

    def variance(baseline: float) -> float:
        return float((score * (phi - baseline)[:, None]).var(0).sum())

    least = variance(best)
    assert least < min(variance(best + 0.3), variance(best - 0.3))
    assert least < variance(float(phi.mean()))
    assert least < 0.5 * variance(0.0)
