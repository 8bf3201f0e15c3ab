"""Returns against hand-derived numbers and against sums written out in plain Python."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnpo.credit.returns import (
    discounted_to_go,
    full_return,
    gae,
    k_step,
    lambda_returns,
    lambda_rewards,
)

NAN = float("nan")
LENGTH = torch.tensor([3])  # of 4 rows: the last was not written


def column(*numbers: float) -> Tensor:
    """One segment of one reward, [1, T, 1]."""
    return torch.tensor(numbers, dtype=torch.float64)[None, :, None]


REWARD = column(1, 2, 3, NAN)
VALUE = column(5, 10, 20, NAN)
NEXT_VALUE = column(10, 20, 30, NAN)


def rows(result: Tensor) -> list[float]:
    """Written rows of the one segment; the numbers by hand are exact in binary."""
    written: list[float] = result[0, :3, 0].tolist()
    return written


def test_reward_to_go_by_hand() -> None:
    # gamma 0.5: G_2 = 3, G_1 = 2 + 0.5 * 3 = 3.5, G_0 = 1 + 0.5 * 3.5 = 2.75
    result = discounted_to_go(REWARD, LENGTH, 0.5)
    assert rows(result) == [2.75, 3.5, 3.0]
    assert result[0, 3, 0] == 0


def test_full_return_by_hand() -> None:
    # 1 + 0.5 * 2 + 0.25 * 3 = 2.75
    assert full_return(REWARD, LENGTH, 0.5).tolist() == [[2.75]]


def test_k_step_by_hand() -> None:
    # k = 2: y_0 = 1 + 0.5 * 2 + 0.25 * 20 = 7; y_1 = 2 + 0.5 * 3 + 0.25 * 30 = 11;
    # y_2 has one step left: 3 + 0.5 * 30 = 18
    assert rows(k_step(REWARD, NEXT_VALUE, LENGTH, 0.5, 2)) == [7.0, 11.0, 18.0]


def test_lambda_returns_by_hand() -> None:
    # gamma = lambda = 0.5, backwards G_t = r + gamma ((1 - lambda) V_{t+1} + lambda G_{t+1}):
    # G_2 = 3 + 0.5 * 30 = 18; G_1 = 2 + 0.5 (10 + 9) = 11.5; G_0 = 1 + 0.5 (5 + 5.75) = 6.375
    assert rows(lambda_returns(REWARD, NEXT_VALUE, LENGTH, 0.5, 0.5)) == [6.375, 11.5, 18.0]
    # horizon 2: G_0 = 1 + 0.5 (5 + 0.5 (2 + 0.5 * 20)) = 6.5; the others reach the end as before
    assert rows(lambda_returns(REWARD, NEXT_VALUE, LENGTH, 0.5, 0.5, 2)) == [6.5, 11.5, 18.0]


def test_lambda_rewards_leave_out_the_last_bootstrap() -> None:
    # last bootstrap: gamma (gamma lambda)^(n-1) V_3 = 0.5 * (0.0625, 0.25, 1) * 30
    # = (0.9375, 3.75, 15) of (6.375, 11.5, 18)
    result = lambda_rewards(REWARD, NEXT_VALUE, LENGTH, 0.5, 0.5)
    assert rows(result) == [5.4375, 7.75, 3.0]


def test_gae_by_hand() -> None:
    # delta = (1 + 5 - 5, 2 + 10 - 10, 3 + 15 - 20) = (1, 2, -2), gamma lambda = 0.25:
    # A_2 = -2; A_1 = 2 - 0.5 = 1.5; A_0 = 1 + 0.25 * 1.5 = 1.375
    assert rows(gae(REWARD, VALUE, NEXT_VALUE, LENGTH, 0.5, 0.5)) == [1.375, 1.5, -2.0]
    # horizon 2: A_0 = 1 + 0.25 * 2 = 1.5
    assert rows(gae(REWARD, VALUE, NEXT_VALUE, LENGTH, 0.5, 0.5, 2)) == [1.5, 1.5, -2.0]


def test_a_long_small_discount_does_not_overflow() -> None:
    reward = torch.ones(1, 2000, 1)
    result = discounted_to_go(reward, torch.tensor([2000]), 0.5)  # 0.5^-2000 is no number
    assert torch.allclose(result[0, :1900], torch.tensor(2.0))


def naive_k_step(reward: list[float], after: list[float], t: int, n: int, gamma: float) -> float:
    """n-step return from its definition."""
    return sum(gamma**i * reward[t + i] for i in range(n)) + gamma**n * after[t + n - 1]


def naive_lambda(
    reward: list[float], after: list[float], t: int, n: int, gamma: float, decay: float
) -> float:
    """Weighted average of the n-step returns, from its definition."""
    parts = [naive_k_step(reward, after, t, k, gamma) for k in range(1, n + 1)]
    inner = sum((1 - decay) * decay ** (k - 1) * parts[k - 1] for k in range(1, n))
    return inner + decay ** (n - 1) * parts[-1]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    steps=st.integers(1, 9),
    gamma=st.floats(0, 1),
    decay=st.floats(0, 1),
    horizon=st.one_of(st.none(), st.integers(1, 11)),
)
def test_agrees_with_plain_sums(
    seed: int, steps: int, gamma: float, decay: float, horizon: int | None
) -> None:
    draw = torch.Generator().manual_seed(seed)
    reward = torch.randn(3, steps, 2, generator=draw, dtype=torch.float64)
    values = torch.randn(3, steps + 1, 2, generator=draw, dtype=torch.float64)
    length = torch.randint(1, steps + 1, (3,), generator=draw)
    written = torch.arange(steps)[None, :, None] < length[:, None, None]
    clean = reward, values[:, :-1], values[:, 1:]
    reward, value, after = (torch.where(written, x, torch.nan) for x in clean)
    results = {
        "to_go": discounted_to_go(reward, length, gamma),
        "k": k_step(reward, after, length, gamma, horizon or steps),
        "lambda": lambda_returns(reward, after, length, gamma, decay, horizon),
        "gae": gae(reward, value, after, length, gamma, decay, horizon),
    }
    whole = full_return(reward, length, gamma)
    for s in range(3):
        for r in range(2):
            taken = int(length[s])
            rew, val, aft = (x[s, :taken, r].tolist() for x in (reward, value, after))
            for t in range(taken):
                n = min(horizon or steps, taken - t)
                to_go = sum(gamma**k * rew[t + k] for k in range(taken - t))
                expected = {
                    "to_go": to_go,
                    "k": naive_k_step(rew, aft, t, n, gamma),
                    "lambda": naive_lambda(rew, aft, t, n, gamma, decay),
                    "gae": naive_lambda(rew, aft, t, n, gamma, decay) - val[t],
                }
                for name, number in expected.items():
                    assert float(results[name][s, t, r]) == pytest.approx(number, abs=1e-6), name
                if t == 0:
                    assert float(whole[s, r]) == pytest.approx(to_go, abs=1e-6)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"reward has shape \[1, 4\] and length \[1\]"):
        discounted_to_go(REWARD[..., 0], LENGTH, 0.5)
    with pytest.raises(ValueError, match=r"next_value has shape \[1, 3, 1\]"):
        lambda_returns(REWARD, NEXT_VALUE[:, :3], LENGTH, 0.5, 0.5)
