"""PPO with a KL penalty: the penalty's gradient, the moving weight."""

import pytest
import torch

from bnpo.brains import PPOKL
from tests.brains.linear_gaussian import LinearGaussian


def _penalty_gradient(policy: LinearGaussian, first: float, **state: float) -> torch.Tensor:
    policy.advantage = torch.zeros_like(policy.advantage)
    rule = PPOKL(beta=first, normalize_advantage=False)
    return policy.gradient(rule, shift=0.2, state=state)[0]


def test_the_penalty_pulls_back_to_the_policy_that_acted() -> None:
    """KL of means alone is ((mu - mu_b)/s)^2 / 2, so -d mean KL/dW = -mean (dW x)/s^2 x^T."""
    policy = LinearGaussian.drawn()
    moved = (policy.x @ torch.full_like(policy.weight, 0.2).T) / policy.log_sigma.exp().square()
    expected = -3.0 * torch.einsum("ba,bf->af", moved, policy.x) / len(policy.x)
    torch.testing.assert_close(_penalty_gradient(policy, 3.0), expected)


def test_the_brains_beta_takes_the_place_of_the_first_one() -> None:
    policy = LinearGaussian.drawn()
    torch.testing.assert_close(
        _penalty_gradient(policy, 1.0, beta=6.0), 6 * _penalty_gradient(policy, 1.0)
    )


@pytest.mark.parametrize(
    ("kl", "expected"), [(0.016, 2.0), (0.014, 1.0), (0.007, 1.0), (0.0066, 0.5), (0.0, 0.5)]
)
def test_beta_doubles_above_and_halves_below_the_target(kl: float, expected: float) -> None:
    rule = PPOKL(beta=1.0, kl_target=0.01)
    assert rule.initial_state() == {"beta": 1.0}
    assert rule.adapt({"beta": 1.0}, {"kl_turn": kl}) == {"beta": expected}


def test_beta_stays_within_bounds_and_still_moves_back() -> None:
    rule = PPOKL(kl_target=0.01)
    state = rule.initial_state()
    for _ in range(100):
        state = rule.adapt(state, {"kl_turn": 0.0})
    assert 0 < state["beta"] <= 1e-5
    assert rule.adapt(state, {"kl_turn": 1.0})["beta"] == 2 * state["beta"]


def test_a_fixed_beta_has_no_state() -> None:
    rule = PPOKL(beta=2.0, kl_target=None)
    assert rule.initial_state() == {}
    assert rule.adapt({}, {"kl_turn": 9.0}) == {}
