"""Monte-Carlo weights of the vanilla policy gradient by hand."""

from __future__ import annotations

import torch

from bnpo.credit import FullReturn, RewardToGo
from bnpo.credit.checks import StubEvaluator
from bnpo.types import Trajectories

SEGMENT, TIME = torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 1, 2, 1, 0, 3])


def test_reward_to_go(table: Trajectories, evaluator: StubEvaluator) -> None:
    transitions = RewardToGo().assign(table, SEGMENT, TIME, evaluator)
    # gamma 0.5: 1 + 1 + 0.75 = 2.75; 2 + 1.5 = 3.5; 3; 3.5; 2.75 + 0.125 * 4 = 3.25; 4
    assert transitions.reward[:, 0].tolist() == [2.75, 3.5, 3.0, 3.5, 3.25, 4.0]
    assert transitions.discount.tolist() == [0.0] * 6


def test_reward_to_go_bootstraps_after_a_time_limit_alone(
    table: Trajectories, evaluator: StubEvaluator
) -> None:
    transitions = RewardToGo(bootstrap=True).assign(table, SEGMENT, TIME, evaluator)
    # gamma^(L-t) but 0 after the terminal state of segment 0
    assert transitions.discount.tolist() == [0.0, 0.0, 0.0, 0.25, 0.0625, 0.5]
    assert transitions.next_observation[:, 0].tolist() == [3.0, 3.0, 3.0, 13.0, 24.0, 24.0]


def test_full_return(table: Trajectories, evaluator: StubEvaluator) -> None:
    transitions = FullReturn().assign(table, SEGMENT, TIME, evaluator)
    assert transitions.reward[:, 0].tolist() == [2.75, 2.75, 2.75, 2.75, 3.25, 3.25]
    assert transitions.discount.tolist() == [0.0] * 6
    assert transitions.observation[:, 0].tolist() == [0.0, 1.0, 2.0, 11.0, 20.0, 23.0]
    live = FullReturn(bootstrap=True).assign(table, SEGMENT, TIME, evaluator)
    assert live.discount.tolist() == [0.0, 0.0, 0.0, 0.125, 0.0625, 0.0625]  # gamma^L
