"""n-step credit by hand, and the law of the floating n."""

from __future__ import annotations

import torch

from bnpo.credit import FloatingNStep, NStep
from bnpo.credit.checks import StubEvaluator
from bnpo.types import Trajectories


def test_two_steps_by_hand(table: Trajectories, evaluator: StubEvaluator) -> None:
    segment, time = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 1, 2, 1, 2])
    transitions = NStep(steps=2).assign(table, segment, time, evaluator)
    # gamma 0.5, rewards 1, 2, 3, 4: (0, 0): 1 + 0.5 * 2 = 2; (0, 1): 2 + 1.5 = 3.5;
    # (0, 2) has one step left: 3; (1, 1): 3.5; (2, 2): 3 + 0.5 * 4 = 5
    assert transitions.reward[:, 0].tolist() == [2.0, 3.5, 3.0, 3.5, 5.0]
    # gamma^2 = 0.25, but segment 0 terminates after step 2; segment 1 only ran out of time
    assert transitions.discount.tolist() == [0.25, 0.0, 0.0, 0.25, 0.25]
    assert transitions.steps.tolist() == [2, 2, 1, 2, 2]
    assert transitions.next_observation[:, 0].tolist() == [2.0, 3.0, 3.0, 13.0, 24.0]
    assert transitions.next_goal[:, 0].tolist() == [102.0, 103.0, 103.0, 113.0, 124.0]
    assert transitions.goal[:, 0].tolist() == [100.0, 101.0, 102.0, 111.0, 122.0]
    assert not transitions.relabelled.any()


def test_one_step_is_the_default(table: Trajectories, evaluator: StubEvaluator) -> None:
    transitions = NStep().assign(table, torch.tensor([1, 0]), torch.tensor([0, 2]), evaluator)
    assert transitions.reward[:, 0].tolist() == [1.0, 3.0]
    assert transitions.discount.tolist() == [0.5, 0.0]


def test_floating_n_is_uniform_and_anew(table: Trajectories, evaluator: StubEvaluator) -> None:
    segment, time = torch.full((6000,), 2), torch.zeros(6000, dtype=torch.long)
    scheme = FloatingNStep(steps=3)
    one = scheme.assign(table, segment, time, evaluator)
    other = scheme.assign(table, segment, time, evaluator)
    counts = torch.bincount(one.steps, minlength=4)[1:].double()
    assert len(counts) == 3
    assert float(((counts - 2000) ** 2 / 2000).sum()) < 13.82  # chi-square, 2 df, p = 0.001
    assert not torch.equal(one.steps, other.steps)
    # n = 1, 2, 3 from the start: 1, 1 + 0.5 * 2, 1 + 1 + 0.25 * 3
    by_hand = torch.tensor([1.0, 2.0, 2.75])
    assert torch.equal(one.reward[:, 0], by_hand[one.steps - 1])
    assert torch.equal(one.discount, 0.5 ** one.steps.float())


def test_floating_n_is_cut_by_the_segment(table: Trajectories, evaluator: StubEvaluator) -> None:
    segment, time = torch.zeros(300, dtype=torch.long), torch.full((300,), 1)
    transitions = FloatingNStep(steps=50).assign(table, segment, time, evaluator)
    assert set(transitions.steps.tolist()) == {1, 2}
