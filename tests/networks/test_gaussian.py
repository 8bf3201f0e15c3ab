"""The diagonal Normal against torch.distributions and against hand-derived numbers."""

import math

import torch
from torch.distributions import Independent, Normal
from torch.distributions.kl import kl_divergence as torch_kl

from bnpo.networks import gaussian


def _draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_log_prob_sums_over_action_dimensions() -> None:
    mu, sigma, action = _draw(0, 5, 3), _draw(1, 5, 3).exp(), _draw(2, 5, 3)
    expected = Independent(Normal(mu, sigma), 1).log_prob(action)
    torch.testing.assert_close(gaussian.log_prob(action, mu, sigma), expected)


def test_log_prob_at_the_mean_of_a_unit_normal() -> None:
    # two dimensions, each -1/2 log 2 pi
    zero = torch.zeros(1, 2)
    assert gaussian.log_prob(zero, zero, torch.ones(1, 2)).item() == torch.tensor(
        -math.log(2 * math.pi)
    )


def test_entropy_matches_torch() -> None:
    sigma = _draw(3, 4, 2).exp()
    expected = Independent(Normal(torch.zeros(4, 2, dtype=torch.float64), sigma), 1).entropy()
    torch.testing.assert_close(gaussian.entropy(sigma), expected)


def test_kl_takes_scales_and_not_their_logarithms() -> None:
    p = _draw(4, 6, 2), _draw(5, 6, 2).exp()
    q = _draw(6, 6, 2), _draw(7, 6, 2).exp()
    expected = torch_kl(Independent(Normal(*p), 1), Independent(Normal(*q), 1))
    torch.testing.assert_close(gaussian.kl_divergence(*p, *q), expected)
    # sigma 1 -> 2, one dimension: log 2 + 1/8 - 1/2
    one, two, zero = torch.ones(1, 1), torch.full((1, 1), 2.0), torch.zeros(1, 1)
    by_hand = math.log(2) + 1 / 8 - 1 / 2
    assert abs(gaussian.kl_divergence(zero, one, zero, two).item() - by_hand) < 1e-6
