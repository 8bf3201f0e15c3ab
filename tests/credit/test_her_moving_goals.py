"""Hindsight where goals move: they move along, and end episodes where they are."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from bnpo.credit import HER
from bnpo.credit.checks import StubEvaluator, random_trajectories
from bnpo.types import Trajectories


def test_a_moving_goal_was_where_its_way_leads_back_to(
    table: Trajectories, evaluator: StubEvaluator
) -> None:
    # Segment 2 is at 20, 21, ..., 24, its desired goal at 0, 1, 3, 6, 10. What is reached at 4, 24,
    # was at t = 1 at 24 - (10 - 1) = 15 and at t = 2 at 24 - (10 - 3) = 17; the reward is for the
    # goal when the step has been taken: -|22 - 17|. At t = 3 the goal of t + 1 is the 24 reached.
    way = torch.tensor([0.0, 1.0, 3.0, 6.0, 10.0])
    desired = table.desired_goal.clone()
    desired[2, :, 0] = way
    stored, scheme = (
        table.replace(desired_goal=desired),
        HER(strategy="final", moving=True, ratio=1),
    )
    segment, time = torch.tensor([2, 2]), torch.tensor([1, 3])
    made = scheme.assign(stored, segment, time, evaluator)
    assert made.goal[:, 0].tolist() == [15.0, 20.0]
    assert made.next_goal[:, 0].tolist() == [17.0, 24.0]
    assert made.reward[:, 0].tolist() == [-5.0, 0.0]
    still = HER(strategy="final", moving=False, ratio=1).assign(stored, segment, time, evaluator)
    assert still.goal[:, 0].tolist() == still.next_goal[:, 0].tolist() == [24.0, 24.0]


def test_a_moving_goal_ends_the_episode_where_it_is_when_it_is_reached(
    table: Trajectories, generator: Generator
) -> None:
    """The goal of 24 that is reached by the step to 24 was at 20 before it."""

    class Ends(StubEvaluator):
        def terminated(
            self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
        ) -> Tensor:
            return (achieved_goal - desired_goal).abs()[:, 0] < 0.5

    desired = table.desired_goal.clone()
    desired[2, :, 0] = torch.tensor([0.0, 1.0, 3.0, 6.0, 10.0])
    stored, where = table.replace(desired_goal=desired), (torch.tensor([2]), torch.tensor([3]))
    scheme = HER(strategy="final", moving=True, ratio=1)
    made = scheme.assign(stored, *where, Ends(generator, gamma=0.5))
    assert (made.goal.item(), made.next_goal.item(), made.discount.item()) == (20.0, 24.0, 0.0)


def test_goals_that_do_not_move_stay(table: Trajectories, generator: Generator) -> None:
    desired = torch.full_like(table.desired_goal, 7.0)
    stored = table.replace(desired_goal=desired)
    segment, time = torch.full((100,), 2), torch.arange(100) % 4
    made = []
    for moving in (True, False):
        same = StubEvaluator(Generator().manual_seed(3), gamma=0.5)
        made.append(HER(moving=moving).assign(stored, segment, time, same))
    for (_, one), (_, other) in zip(made[0].columns(), made[1].columns(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("moving", [True, False])
def test_hindsight_on_a_walk_after_a_moving_goal(moving: bool, evaluator: StubEvaluator) -> None:
    """A hand at 1.5 times the goal's random steps; what is learnt of a relabelled goal's motion.

    A goal that moves along goes as the desired one; one that stands still has steps of 0, which say
    nothing about them.
    """
    generator = Generator().manual_seed(0)
    steps = torch.randn(64, 11, 1, generator=generator)
    goal = steps.cumsum(1)
    size = torch.full((64,), 10)
    stored = random_trajectories(generator, segments=64, steps=10, goal_dim=1).replace(
        desired_goal=goal, achieved_goal=1.5 * goal, length=size
    )
    segment, time = torch.arange(64).repeat_interleave(10), torch.arange(10).repeat(64)
    made = HER(moving=moving, ratio=1.0).assign(stored, segment, time, evaluator)
    motion, true = (made.next_goal - made.goal)[:, 0], steps[segment, time + 1, 0]
    if moving:
        torch.testing.assert_close(motion, true, rtol=0, atol=1e-5)
    else:
        assert not motion.any()
