"""At the policy that acted, every likelihood-ratio rule has the score-function gradient."""

import pytest
import torch

from bnpo.brains import PPO, PPOKL, TRPO, VPG, Rule
from bnpo.networks import gaussian
from tests.brains.linear_gaussian import LinearGaussian

RULES = [
    VPG(),
    VPG(phi="return"),
    PPO(normalize_advantage=False),
    PPO(normalize_advantage=False, decouple=2.0),
    PPOKL(normalize_advantage=False, beta=100.0),  # the KL's gradient is 0 where it is 0
    TRPO(normalize_advantage=False),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_at_ratio_one_the_gradient_is_the_analytic_score_function(rule: Rule) -> None:
    policy = LinearGaussian.drawn()
    for gradients, expected in zip(
        policy.gradient(rule), policy.score_function_gradient(), strict=True
    ):
        torch.testing.assert_close(gradients, expected, rtol=1e-10, atol=1e-12)


def test_away_from_it_the_surrogates_weigh_by_the_ratio() -> None:
    """d mean(rho A) = mean(rho A d log pi); TRPO has no clip, PPO's clip removes some samples."""
    policy = LinearGaussian.drawn()
    shift = 0.3
    mu_b, sigma = policy.policy(policy.weight, policy.log_sigma)
    mu, _ = policy.policy(policy.weight + shift, policy.log_sigma)
    log_ratio = gaussian.log_prob(policy.action, mu, sigma) - gaussian.log_prob(
        policy.action, mu_b, sigma
    )
    score = (policy.action - mu) / sigma.square()
    rho_a = log_ratio.exp() * policy.advantage
    expected = torch.einsum("b,ba,bf->af", rho_a, score, policy.x) / len(policy.x)
    gradients, _ = policy.gradient(TRPO(normalize_advantage=False), shift)
    torch.testing.assert_close(gradients, expected)
    clipped, _ = policy.gradient(PPO(normalize_advantage=False), shift)
    assert not torch.allclose(clipped, expected)


@pytest.mark.parametrize("rule", [PPO(), PPOKL(beta=0.0), TRPO(), VPG(normalize=True)], ids=str)
def test_normalising_makes_scale_and_offset_of_the_advantage_irrelevant(rule: Rule) -> None:
    policy = LinearGaussian.drawn()
    before = policy.gradient(rule)
    policy.advantage = 5 * policy.advantage + 3
    for gradients, expected in zip(policy.gradient(rule), before, strict=True):
        torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-6)
