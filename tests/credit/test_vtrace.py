"""Lambda-returns of another policy's segments: by hand, on own data, and in expectation."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnpo.credit import GAE, check_scheme
from bnpo.credit.checks import random_trajectories
from bnpo.types import Trajectories
from tests.credit.test_gae import StateValue, every_step


class Ratios(StateValue):
    """The ratio π/π_b is 2 in the second state of a segment, 1/2 in the third, else 1."""

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        time = (observation[:, 0] % 10).round()
        ratio = torch.where(time == 1, 2.0, torch.where(time == 2, 0.5, 1.0))
        return ratio.log() - time  # the table's log π_b is -t


@pytest.mark.parametrize(
    ("trace_max", "reward", "live"),
    [(1.0, 5.46875, 0.015625), (2.0, 5.1875, 0.03125)],
)
def test_by_hand(
    table: Trajectories, generator: torch.Generator, trace_max: float, reward: float, live: float
) -> None:
    """With γ = λ = 1/2, γλ = 1/4, rewards 1, 2, 3 and V the state's number; ρ̄ = 1, so ρ = 1, 1/2.

    D_t = ρ_t δ_t + γλ c_t D_{t+1} and y_t = r_t + γ V_{t+1} + γλ D_{t+1}.
    Segment 0 ends in a terminal state. D_2 = 1/2 (3 - 2) = 1/2, y_2 = 3, y_1 = 2 + 1 + 1/8 = 3.125;
    c_1 = 1: D_1 = 2 + 1 - 1 + 1/8 = 2.125, y_0 = 1 + 1/2 + 2.125/4 = 2.03125;
    c_1 = 2: D_1 = 2 + 1/4 = 2.25, y_0 = 1.5 + 0.5625 = 2.0625.
    Segment 1 ends by a time limit in state 13, whose value is live: with c_1 = 1
    y_0 = 1 + 11/2 + 1/4 (2 + 12/2 - 11) + 1/16 * 1 * 1/2 (3 - 12) + live V(13)
        = 6.5 - 0.75 - 0.28125, live = γ/16 * 1 * 1/2 = 1/64; with c_1 = 2 the last two double.
    """
    segment, time = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 2, 0])
    scheme = GAE(gae_lambda=0.5, rho_max=1.0, trace_max=trace_max)
    made = scheme.assign(table, segment, time, Ratios(generator, gamma=0.5))
    first = 2.03125 if trace_max == 1.0 else 2.0625
    assert made.reward[:, 0].tolist() == pytest.approx([first, 3.125, 3.0, reward], abs=1e-6)
    assert made.discount.tolist() == pytest.approx([0.0, 0.0, 0.0, live], abs=1e-8)
    assert made.next_observation[:, 0].tolist() == [3.0, 3.0, 3.0, 13.0]


def test_horizon_by_hand(table: Trajectories, generator: torch.Generator) -> None:
    """Over two steps y_0 = 1 + 11/2 + 1/4 (2 - 11) + live V(12), live = γ/4 ρ_1 = 1/8."""
    scheme = GAE(gae_lambda=0.5, horizon=2, rho_max=1.0)
    made = scheme.assign(table, torch.tensor([1]), torch.tensor([0]), Ratios(generator, gamma=0.5))
    assert made.reward[0, 0] == pytest.approx(4.25)
    assert made.discount[0] == pytest.approx(0.125)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    gamma=st.floats(0, 0.99),
    decay=st.floats(0, 1),
    horizon=st.one_of(st.none(), st.integers(1, 9)),
)
def test_own_segments_are_credited_as_without(
    seed: int, gamma: float, decay: float, horizon: int | None
) -> None:
    generator = torch.Generator().manual_seed(seed)
    stored = random_trajectories(generator, steps=7, dtype=torch.float64)

    class Own(StateValue):
        def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
            return stored.log_prob.flatten()

    evaluator = Own(generator, gamma=gamma)
    segment, time = every_step(stored)
    order = torch.unique(segment)
    assert torch.equal(order, torch.arange(len(stored)))  # so that densities line up
    plain = GAE(gae_lambda=decay, horizon=horizon)
    credited = [
        scheme.assign(stored, segment, time, evaluator) for scheme in (plain, plain.corrected())
    ]
    value = credited[0].next_observation[:, :1]
    plain_y, corrected_y = (one.reward + one.discount[:, None] * value for one in credited)
    torch.testing.assert_close(plain_y, corrected_y)


def test_untruncated_it_is_the_other_policys_return(generator: torch.Generator) -> None:
    """Two steps; the second takes action 0 or 1, which pays 0 or 1, and ends the episode.

    The data take each with 1/2, π takes 1 with 0.9. The average of y_0 over the data is the return
    of π after the first step, γ 0.9 = 0.45, whatever V says; uncorrected it is γ/2 = 0.25.
    """
    action = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    stored = Trajectories(
        observation=torch.tensor([[[5.0], [7.0], [9.0]]]).repeat(2, 1, 1),
        achieved_goal=torch.zeros(2, 3, 1),
        desired_goal=torch.zeros(2, 3, 1),
        action=action[..., None],
        mu=action[..., None],
        sigma=torch.ones(2, 2, 1),
        log_prob=torch.tensor([0.0, math.log(0.5)]).repeat(2, 1),
        reward=action[..., None],
        length=torch.tensor([2, 2]),
        terminated=torch.tensor([True, True]),
        truncated=torch.tensor([False, False]),
    )

    class Other(StateValue):
        def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
            chance = torch.where(action[:, 0] == 1, 0.9, 0.1)
            return torch.where(observation[:, 0] == 7, chance.log(), 0.0)

    at = torch.tensor([0, 1]), torch.tensor([0, 0])
    found = {
        bound: GAE(gae_lambda=1.0, rho_max=bound, trace_max=bound or 1.0)
        .assign(stored, *at, Other(generator, gamma=0.5))
        .reward.mean()
        for bound in (100.0, None)
    }
    assert found[100.0] == pytest.approx(0.45)
    assert found[None] == pytest.approx(0.25)


def test_a_scheme_that_corrects_is_one() -> None:
    check_scheme(GAE(rho_max=1.0))
    assert GAE().corrected() == GAE(rho_max=1.0)
    assert GAE(rho_max=2.0).corrected() == GAE(rho_max=2.0)
