"""Lambda-return credit by hand, its ends, and a naive twin."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnpo.credit import GAE, NStep
from bnpo.credit.checks import StubEvaluator, random_trajectories
from bnpo.types import Trajectories


class StateValue(StubEvaluator):
    """The value of a state is its number; counts the states it is asked about."""

    asked = 0

    def value(self, observation: Tensor, goal: Tensor) -> Tensor:
        self.asked += len(observation)
        return observation[:, :1]


def every_step(trajectories: Trajectories) -> tuple[Tensor, Tensor]:
    """Segment and time of every step that was taken."""
    at = torch.arange(trajectories.action.shape[1])
    segment, time = (at < trajectories.length[:, None]).nonzero(as_tuple=True)
    return segment, time


def test_by_hand(table: Trajectories, generator: torch.Generator) -> None:
    evaluator = StateValue(generator, gamma=0.5)
    segment, time = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 1, 2, 0, 0])
    transitions = GAE(gae_lambda=0.5).assign(table, segment, time, evaluator)
    # gamma = lambda = 0.5, gamma lambda = gamma (1 - lambda) = 0.25, rewards 1, 2, 3, 4, V' the
    # state's number.
    # (0, 2): 3.
    # (0, 1): 2 + 0.25 V(2) + 0.25 * 3 = 2 + 0.5 + 0.75 = 3.25.
    # (0, 0): 1 + 0.25 V(1) + 0.25 * 3.25 = 1 + 0.25 + 0.8125 = 2.0625.
    # (1, 0): 1 + 0.25 * 11 + 0.25 (2 + 0.25 * 12 + 0.25 * 3) = 3.75 + 0.25 * 5.75 = 5.1875.
    # (2, 0): 1 + 0.25 * 21 + 0.25 (2 + 0.25 * 22 + 0.25 (3 + 0.25 * 23 + 0.25 * 4))
    #       = 6.25 + 0.25 (7.5 + 0.25 * 9.75) = 6.25 + 0.25 * 9.9375 = 8.734375.
    assert transitions.reward[:, 0].tolist() == [2.0625, 3.25, 3.0, 5.1875, 8.734375]
    # live: 0 after the terminal state; 0.5 * 0.25^2 at the time limit, 0.5 * 0.25^3 at the cut
    assert transitions.discount.tolist() == [0.0, 0.0, 0.0, 0.03125, 0.0078125]
    assert transitions.next_observation[:, 0].tolist() == [3.0, 3.0, 3.0, 13.0, 24.0]
    assert transitions.steps.tolist() == [3, 2, 1, 3, 4]


def test_horizon_by_hand(table: Trajectories, generator: torch.Generator) -> None:
    evaluator = StateValue(generator, gamma=0.5)
    transitions = GAE(gae_lambda=0.5, horizon=2).assign(
        table, torch.tensor([0, 0, 2]), torch.tensor([0, 1, 1]), evaluator
    )
    # (0, 0): 1 + 0.25 * V(1) + 0.25 * 2 = 1.75, live 0.5 * 0.25 V(2): the terminal state is later
    # (0, 1): 2 + 0.25 * V(2) + 0.25 * 3 = 3.25; (2, 1): 2 + 0.25 * 22 + 0.25 * 3 = 8.25
    assert transitions.reward[:, 0].tolist() == [1.75, 3.25, 8.25]
    assert transitions.discount.tolist() == [0.125, 0.0, 0.125]
    assert transitions.next_observation[:, 0].tolist() == [2.0, 3.0, 23.0]


def test_ends_of_lambda(
    random_table: Callable[..., Trajectories], evaluator: StubEvaluator
) -> None:
    stored = random_table(segments=30, steps=7)
    segment, time = every_step(stored)
    one_step = GAE(gae_lambda=0.0).assign(stored, segment, time, evaluator)
    monte_carlo = GAE(gae_lambda=1.0).assign(stored, segment, time, evaluator)
    for transitions, steps in ((one_step, 1), (monte_carlo, 7)):
        expected = NStep(steps=steps).assign(stored, segment, time, evaluator)
        for (name, column), (_, same) in zip(
            transitions.columns(), expected.columns(), strict=True
        ):
            assert torch.equal(column, same), name
    almost = GAE(gae_lambda=1.0 - 1e-9).assign(stored, segment, time, evaluator)
    assert torch.allclose(almost.reward, monte_carlo.reward, atol=1e-5)
    assert torch.allclose(almost.discount, monte_carlo.discount, atol=1e-5)


def test_each_state_is_valued_once(table: Trajectories, generator: torch.Generator) -> None:
    evaluator = StateValue(generator)
    segment, time = torch.tensor([0, 0, 0, 2, 2]), torch.tensor([0, 1, 1, 3, 0])
    GAE().assign(table, segment, time, evaluator)
    assert evaluator.asked == 2 * 4  # segments 0 and 2, states 1..4
    GAE(gae_lambda=1.0).assign(table, segment, time, evaluator)
    assert evaluator.asked == 8  # no inner bootstrap, nothing to ask


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    gamma=st.floats(0, 1),
    decay=st.floats(0, 1),
    horizon=st.one_of(st.none(), st.integers(1, 9)),
)
def test_target_is_the_average_of_n_step_targets(
    seed: int, gamma: float, decay: float, horizon: int | None
) -> None:
    """y = (1-lambda) sum lambda^(k-1) y^(k) + lambda^(n-1) y^(n), each y^(k) by NStep."""
    generator = torch.Generator().manual_seed(seed)
    stored = random_trajectories(generator, steps=7, reward_dim=2, dtype=torch.float64)
    evaluator = StubEvaluator(generator, gamma=gamma, reward_dim=2)
    segment, time = every_step(stored)
    transitions = GAE(gae_lambda=decay, horizon=horizon).assign(stored, segment, time, evaluator)
    value = evaluator.value(transitions.next_observation, transitions.next_goal)
    actual = transitions.reward + transitions.discount[:, None] * value
    expected = torch.zeros_like(actual)
    n = torch.minimum(torch.tensor(horizon or 7), stored.length[segment] - time)
    for k in range(1, 8):
        part = NStep(steps=k).assign(stored, segment, time, evaluator)
        target = part.reward + part.discount[:, None] * evaluator.value(
            part.next_observation, part.next_goal
        )
        share = (k < n) * (1 - decay) * decay ** (k - 1) + (k == n) * decay ** (k - 1)
        expected += share[:, None] * target
    assert float((actual - expected).abs().max()) < 1e-6


def test_values_are_asked_under_the_goal_of_their_time(
    table: Trajectories, generator: torch.Generator
) -> None:
    class GoalValue(StubEvaluator):
        def value(self, observation: Tensor, goal: Tensor) -> Tensor:
            return goal - 100

    transitions = GAE(gae_lambda=0.5, horizon=2).assign(
        table, torch.tensor([2]), torch.tensor([1]), GoalValue(generator, gamma=0.5)
    )
    assert transitions.reward[0, 0] == pytest.approx(8.25)  # goal - 100 is the state: as above
