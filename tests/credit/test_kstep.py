"""Importance ratios of later actions, by hand and by plain sums."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from bnpo.credit import GAE, HER, FloatingNStep, NStep, with_later_ratios
from bnpo.credit.checks import StubEvaluator
from bnpo.types import Trajectories


class Known(StubEvaluator):
    """log pi(a|s,g) = s / 10, with the stored log pi_b = -t of the table."""

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        assert torch.equal(goal, observation + 100)  # the goal of the same time
        assert torch.equal(action, observation % 10)
        return observation[:, 0] / 10


def test_by_hand(table: Trajectories, generator: Generator) -> None:
    segment, time = torch.tensor([0, 0, 2]), torch.tensor([0, 2, 1])
    evaluator = Known(generator)
    transitions = NStep(steps=3).assign(table, segment, time, evaluator)
    transitions = with_later_ratios(transitions, table, segment, time, evaluator)
    # (0, 0): actions 1 and 2: 0.1 + 1 + 0.2 + 2 = 3.3; (0, 2): n = 1, nothing later;
    # (2, 1): actions 2 and 3 in states 22 and 23: 2.2 + 2 + 2.3 + 3 = 9.5
    assert transitions.log_ratio_rest.tolist() == [pytest.approx(x) for x in (3.3, 0.0, 9.5)]


def test_agrees_with_a_plain_loop(
    random_table: Callable[..., Trajectories], evaluator: StubEvaluator
) -> None:
    stored = random_table(segments=20, steps=8)
    time, segment = (torch.arange(8) < stored.length[:, None]).T.nonzero(as_tuple=True)
    for scheme in (FloatingNStep(steps=5), GAE()):
        transitions = scheme.assign(stored, segment, time, evaluator)
        filled = with_later_ratios(transitions, stored, segment, time, evaluator)
        for i in range(0, len(transitions), 7):
            s, expected = segment[i], 0.0
            for t in range(int(time[i]) + 1, int(time[i] + transitions.steps[i])):
                now = evaluator.log_prob(
                    stored.observation[s, t][None],
                    stored.desired_goal[s, t][None],
                    stored.action[s, t][None],
                )
                expected += float(now[0] - stored.log_prob[s, t])
            assert float(filled.log_ratio_rest[i]) == pytest.approx(expected, abs=1e-4)
        assert torch.equal(filled.reward, transitions.reward)


def test_relabelled_transitions_have_no_rest(
    random_table: Callable[..., Trajectories], evaluator: StubEvaluator
) -> None:
    stored = random_table(segments=20, steps=8)
    segment, time = torch.arange(20).repeat(20), torch.zeros(400, dtype=torch.long)
    transitions = HER(steps=4).assign(stored, segment, time, evaluator)
    rest = with_later_ratios(transitions, stored, segment, time, evaluator).log_ratio_rest
    assert not rest[transitions.relabelled].any()
    assert bool((rest[transitions.steps > 1] != 0).all())


def test_one_step_asks_nothing(table: Trajectories, generator: Generator) -> None:
    class Silent(StubEvaluator):
        def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
            raise AssertionError("asked")

    segment, time = torch.tensor([0, 1]), torch.tensor([0, 1])
    transitions = NStep().assign(table, segment, time, Silent(generator))
    filled = with_later_ratios(transitions, table, segment, time, Silent(generator))
    assert filled.log_ratio_rest.tolist() == [0.0, 0.0]


def test_wrong_shapes_are_named(table: Trajectories, evaluator: StubEvaluator) -> None:
    at = torch.tensor([0, 1])
    transitions = NStep().assign(table, at, at, evaluator)
    with pytest.raises(ValueError, match=r"segment has shape \[1\]"):
        with_later_ratios(transitions, table, at[:1], at, evaluator)
