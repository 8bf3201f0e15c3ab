"""Hindsight in a random world: where goals follow chance, values are too good."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from bnpo.credit import HER
from bnpo.credit.checks import StubEvaluator, random_trajectories
from bnpo.types import Trajectories

WALK_NOISE, NEAR, SHARE = 0.2, 0.05, 0.8


def walk(strategy: str, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """Actions, goals and rewards of a walk of one step, x' = a + noise, goals uniform in [-2, 2].

    Paid is 0 within 0.05 of the goal and -1 elsewhere.
    """
    generator = Generator().manual_seed(0)
    size = 400_000
    action = 2 * torch.rand(size, generator=generator) - 1
    end = action + WALK_NOISE * torch.randn(size, generator=generator)
    desired = 4 * torch.rand(size, generator=generator) - 2

    class Near(StubEvaluator):
        def reward(
            self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
        ) -> Tensor:
            return ((achieved_goal - desired_goal).abs() < NEAR) * 1.0 - 1.0

    evaluator = Near(generator)
    achieved = torch.stack((torch.zeros(size), end), 1)[:, :, None]
    goal = desired[:, None, None].expand(size, 2, 1).contiguous()
    template = random_trajectories(generator, segments=1, steps=1, goal_dim=1, action_dim=1)
    column = action[:, None, None]
    stored = Trajectories(
        observation=torch.zeros(size, 2, template.observation.shape[-1]),
        achieved_goal=achieved,
        desired_goal=goal,
        action=column,
        mu=column,
        sigma=torch.ones_like(column),
        log_prob=torch.zeros(size, 1),
        reward=evaluator.reward(achieved[:, 1:, 0], goal[:, 1:, 0])[:, :, None],
        length=torch.ones(size, dtype=torch.int64),
        terminated=torch.ones(size, dtype=torch.bool),
        truncated=torch.zeros(size, dtype=torch.bool),
    )
    segment, time = torch.arange(size), torch.zeros(size, dtype=torch.int64)
    scheme = HER(strategy=strategy, ratio=ratio, steps=1)
    made = scheme.assign(stored, segment, time, evaluator)
    return action, made.goal[:, 0], made.reward[:, 0]


@pytest.mark.parametrize(
    ("strategy", "ratio", "expected"),
    [("future", SHARE, -0.0244), ("future", 0.0, -0.8026), ("other", SHARE, -0.8026)],
)
def test_in_a_random_world_hindsight_is_unbiased_only_where_goals_do_not_follow_chance(
    strategy: str, ratio: float, expected: float
) -> None:
    # The value of an action a at the goal g = a: P(|noise| < 0.05) - 1 with noise of 0.2, that is
    # 2 Phi(0.25) - 2 = -0.8026, under goals that stay and under those of other walks.
    # Future goals are where this walk ended, so they are always reached: at g = a lie
    # 0.8 * phi(0) / 0.2 = 0.8 * 1.9947 = 1.5958 of them for each 0.2 * 0.25 = 0.05 real ones, whose
    # mean is -0.8026 * 0.05 / 1.6458 = -0.0244: +0.78 too much, at the point mass, too.
    action, goal, reward = walk(strategy, ratio)
    close = (goal - action).abs() < 0.02
    assert int(close.sum()) > 1_000
    assert float(reward[close].mean()) == pytest.approx(expected, abs=0.03)
