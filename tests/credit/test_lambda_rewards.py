"""Lambda-returns without their last bootstrap: by hand, and against plain sums."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnpo.credit.gae import lambda_rewards
from tests.credit.oracles import gae, k_step_return, lambda_return

NAN = float("nan")
LENGTH = torch.tensor([3])  # of 4 rows: the last was not written


def column(*numbers: float) -> Tensor:
    """One segment of one reward, [1, T, 1]."""
    return torch.tensor(numbers, dtype=torch.float64)[None, :, None]


REWARD = column(1, 2, 3, NAN)
NEXT_VALUE = column(10, 20, 30, NAN)


def rows(result: Tensor) -> list[float]:
    """Written rows of the one segment; the numbers by hand are exact in binary."""
    written: list[float] = result[0, :3, 0].tolist()
    return written


def test_reward_to_go_by_hand() -> None:
    # lambda = 1, gamma 0.5: G_2 = 3, G_1 = 2 + 0.5 * 3 = 3.5, G_0 = 1 + 0.5 * 3.5 = 2.75
    assert rows(lambda_rewards(REWARD, NEXT_VALUE, LENGTH, 0.5, 1.0)) == [2.75, 3.5, 3.0]


def test_the_last_bootstrap_is_left_out() -> None:
    # gamma = lambda = 0.5, backwards G_t = r + gamma ((1 - lambda) V_{t+1} + lambda G_{t+1}):
    # G_2 = 3 + 0.5 * 30 = 18; G_1 = 2 + 0.5 (10 + 9) = 11.5; G_0 = 1 + 0.5 (5 + 5.75) = 6.375,
    # less the last bootstrap gamma (gamma lambda)^(n-1) V_3 = 0.5 * (0.0625, 0.25, 1) * 30
    # = (0.9375, 3.75, 15)
    assert rows(lambda_rewards(REWARD, NEXT_VALUE, LENGTH, 0.5, 0.5)) == [5.4375, 7.75, 3.0]


def test_a_horizon_by_hand() -> None:
    # two steps: 1 + 0.5 (0.5 * 10 + 0.5 * 2) = 4; 2 + 0.5 (0.5 * 20 + 0.5 * 3) = 7.75; 3
    assert rows(lambda_rewards(REWARD, NEXT_VALUE, LENGTH, 0.5, 0.5, 2)) == [4.0, 7.75, 3.0]


def test_a_long_small_discount_does_not_overflow() -> None:
    reward = torch.ones(1, 2000, 1)
    # the sum of a geometric series, 1 / (1 - 0.5); 0.5^-2000 is no number
    result = lambda_rewards(reward, reward, torch.tensor([2000]), 0.5, 1.0)
    assert torch.allclose(result[0, :1900], torch.tensor(2.0))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    steps=st.integers(1, 9),
    gamma=st.floats(0, 1),
    gae_lambda=st.floats(0, 1),
    horizon=st.one_of(st.none(), st.integers(1, 11)),
)
def test_agrees_with_plain_sums(
    seed: int, steps: int, gamma: float, gae_lambda: float, horizon: int | None
) -> None:
    draw = torch.Generator().manual_seed(seed)
    reward, after = torch.randn(2, 3, steps, 2, generator=draw, dtype=torch.float64)
    length = torch.randint(1, steps + 1, (3,), generator=draw)
    written = torch.arange(steps)[None, :, None] < length[:, None, None]
    reward, after = (torch.where(written, x, torch.nan) for x in (reward, after))
    result = lambda_rewards(reward, after, length, gamma, gae_lambda, horizon)
    for s in range(3):
        taken = int(length[s])
        for r in range(2):
            rew, aft = (x[s, :taken, r].tolist() for x in (reward, after))
            for t in range(taken):
                n = min(horizon or steps, taken - t)
                last = gamma * (gamma * gae_lambda) ** (n - 1) * aft[t + n - 1]
                expected = lambda_return(rew, aft, t, n, gamma, gae_lambda) - last
                assert float(result[s, t, r]) == pytest.approx(expected, abs=1e-6)


def test_the_oracles_by_hand() -> None:
    reward, value, after = (1, 2, 3), (5, 10, 20), (10, 20, 30)
    # k = 2: y_0 = 1 + 0.5 * 2 + 0.25 * 20 = 7
    assert k_step_return(reward, after, 0, 2, 0.5) == 7.0
    # delta = (1 + 5 - 5, 2 + 10 - 10, 3 + 15 - 20) = (1, 2, -2), gamma lambda = 0.25:
    # A_2 = -2; A_1 = 2 - 0.5 = 1.5; A_0 = 1 + 0.25 * 1.5 = 1.375
    advantages = [gae(reward, value, after, t, 0.5, 0.5) for t in range(3)]
    assert advantages == [1.375, 1.5, -2.0]
    # and the lambda-return is the advantage over V
    for t, advantage in enumerate(advantages):
        assert lambda_return(reward, after, t, 3 - t, 0.5, 0.5) == advantage + value[t]


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"reward has shape \[1, 4\] and length \[1\]"):
        lambda_rewards(REWARD[..., 0], NEXT_VALUE, LENGTH, 0.5, 0.5)
    with pytest.raises(ValueError, match=r"next_value has shape \[1, 3, 1\]"):
        lambda_rewards(REWARD, NEXT_VALUE[:, :3], LENGTH, 0.5, 0.5)
