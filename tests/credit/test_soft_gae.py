"""Soft lambda-returns by hand, and where they are GAE."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bnpo.credit import GAE, SoftGAE, check_scheme
from bnpo.credit.checks import StubEvaluator
from bnpo.types import Trajectories
from tests.credit.test_gae import StateValue, every_step


class Soft(StateValue):
    """States are worth their numbers, of which eight is entropy."""

    def entropy_bonus(self, observation: Tensor, goal: Tensor) -> Tensor:
        return torch.full_like(observation[:, 0], 8.0)


def test_by_hand(table: Trajectories, generator: torch.Generator) -> None:
    """GAE of test_gae plus sum over k < n - 1 of (gamma lambda)^(k+1) 8, gamma lambda = 1/4."""
    segment, time = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 1, 2, 0, 0])
    transitions = SoftGAE(gae_lambda=0.5).assign(table, segment, time, Soft(generator, gamma=0.5))
    # n = 3, 2, 1, 3, 4: 8 (1/4 + 1/16) = 2.5; 2; 0; 2.5; 2.5 + 8/64 = 2.625
    gae = [2.0625, 3.25, 3.0, 5.1875, 8.734375]
    soft = [2.5, 2.0, 0.0, 2.5, 2.625]
    assert transitions.reward[:, 0].tolist() == [a + b for a, b in zip(gae, soft, strict=True)]


def test_it_is_the_lambda_return_of_rewards_with_entropy(
    table: Trajectories, generator: torch.Generator
) -> None:
    """GAE of rewards r + gamma h and hard values Q' = V' - h, but for the last state's h, which the
    live bootstrap holds."""
    segment, time = every_step(table)
    transitions = SoftGAE(gae_lambda=0.5).assign(table, segment, time, Soft(generator, gamma=0.5))

    class Hard(StateValue):
        def value(self, observation: Tensor, goal: Tensor) -> Tensor:
            return super().value(observation, goal) - 8.0

    paid = table.replace(reward=table.reward + 0.5 * 8.0)
    hard = GAE(gae_lambda=0.5).assign(paid, segment, time, Hard(generator, gamma=0.5))
    last = 0.25 ** (transitions.steps - 1) * 0.5 * 8.0
    torch.testing.assert_close(transitions.reward[:, 0], hard.reward[:, 0] - last)


@pytest.mark.parametrize(("gae_lambda", "horizon"), [(0.5, None), (1.0, None), (0.5, 2), (0.5, 1)])
def test_without_entropy_it_is_gae(
    gae_lambda: float,
    horizon: int | None,
    random_table: Callable[..., Trajectories],
    generator: torch.Generator,
) -> None:
    class Without(StubEvaluator):
        def entropy_bonus(self, observation: Tensor, goal: Tensor) -> Tensor:
            return torch.zeros_like(observation[:, 0])

    table = random_table()
    segment, time = every_step(table)
    evaluator = Without(generator)
    soft = SoftGAE(gae_lambda=gae_lambda, horizon=horizon)
    hard = GAE(gae_lambda=gae_lambda, horizon=horizon)
    for (_, one), (_, other) in zip(
        soft.assign(table, segment, time, evaluator).columns(),
        hard.assign(table, segment, time, evaluator).columns(),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_it_is_a_scheme() -> None:
    check_scheme("soft_gae")
