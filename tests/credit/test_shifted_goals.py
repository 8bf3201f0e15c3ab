"""Shifting goals: windows, rewards, and the three ratios on a linear-Gaussian bandit."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Generator, Tensor

from bnpo.credit import ShiftedGoals, check_scheme
from bnpo.credit.checks import StubEvaluator
from bnpo.types import Trajectories, Transitions

Ratio = Literal["decoupled", "sampled", "realigned"]
RATIOS: tuple[Ratio, ...] = ("decoupled", "sampled", "realigned")


def test_shift_is_uniform_over_the_window(table: Trajectories, evaluator: StubEvaluator) -> None:
    # Segment 2, L = 4, t = 1: rows t+k and t+k+1 must be rows 0..4, so k in -1..2, a quarter each.
    segment, time = torch.full((8000,), 2), torch.ones(8000, dtype=torch.long)
    made = ShiftedGoals(fraction=1.0).assign(table, segment, time, evaluator)
    values, counts = torch.unique(made.goal, return_counts=True)
    assert values.tolist() == [120.0, 121.0, 122.0, 123.0]
    assert float(((counts - 2000.0) ** 2 / 2000).sum()) < 16.27  # chi-square, 3 df, p = 0.001
    assert torch.equal(made.next_goal, made.goal + 1)
    near = ShiftedGoals(fraction=1.0, max_shift=1).assign(table, segment, time, evaluator)
    assert set(near.goal[:, 0].tolist()) == {120.0, 121.0, 122.0}


def test_fraction(table: Trajectories, evaluator: StubEvaluator) -> None:
    segment, time = torch.full((8000,), 2), torch.ones(8000, dtype=torch.long)
    made = ShiftedGoals(fraction=0.4).assign(table, segment, time, evaluator)
    kept = int((made.goal == 121).sum())  # 0.6 unshifted and a quarter of the rest: 0.7
    assert (kept - 5600) ** 2 / 5600 + (kept - 5600) ** 2 / 2400 < 10.83
    assert not made.relabelled.any()  # the goal does not depend on the actions
    happened = table.n_step(segment, time, torch.ones_like(time), 0.5)
    same = made.goal[:, 0] == 121
    assert torch.equal(made.reward[same], happened.reward[same])


def test_k_step_return_by_hand(table: Trajectories, generator: Generator) -> None:
    class Kept(StubEvaluator):
        def reward(
            self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
        ) -> Tensor:
            return achieved_goal + (desired_goal - 100) / 100  # tells both apart

        def value(self, observation: Tensor, goal: Tensor) -> Tensor:
            return observation + (goal - 100) / 100

    segment, time = torch.full((200,), 2), torch.ones(200, dtype=torch.long)
    evaluator = Kept(generator, gamma=0.5)
    made = ShiftedGoals(fraction=1.0, steps=2).assign(table, segment, time, evaluator)
    by_shift = {
        # k = -1: n = 2, r = 22 + 0.21 and 23 + 0.22: 22.21 + 0.5 * 23.22 = 33.82
        120.0: (33.82, 2, 0.25, 122.0),
        # k = 0: as it happened, 2 + 0.5 * 3
        121.0: (3.5, 2, 0.25, 123.0),
        # k = 1: n = min(2, 4 - 1 - 1) = 2: 22.23 + 0.5 * 23.24 = 33.85
        122.0: (33.85, 2, 0.25, 124.0),
        # k = 2: the goals end after one step, n = 1: 22 + 0.24
        123.0: (22.24, 1, 0.5, 124.0),
    }
    assert set(made.goal[:, 0].tolist()) == set(by_shift)
    for i, goal in enumerate(made.goal[:, 0].tolist()):
        reward, steps, discount, next_goal = by_shift[goal]
        assert float(made.reward[i, 0]) == pytest.approx(reward, rel=1e-6)
        assert (int(made.steps[i]), float(made.discount[i])) == (steps, discount)
        assert float(made.next_goal[i, 0]) == next_goal
        assert float(made.next_observation[i, 0]) == 21 + steps
    made = ShiftedGoals(fraction=1.0, steps=2, gae_lambda=0.5).assign(
        table, segment, time, evaluator
    )
    # lambda 0.5, k = -1: 22.21 + 0.25 V + 0.25 * 23.22, V at (22, g = 121): 22.21: 33.5675;
    # live 0.5 * 0.25 = 0.125
    row = int((made.goal[:, 0] == 120).nonzero()[0])
    assert float(made.reward[row, 0]) == pytest.approx(33.5675, rel=1e-6)
    assert float(made.discount[row]) == 0.125


def test_a_terminal_state_ends_the_return(table: Trajectories, evaluator: StubEvaluator) -> None:
    segment, time = torch.zeros(200, dtype=torch.long), torch.full((200,), 2)
    made = ShiftedGoals(fraction=1.0, steps=3).assign(table, segment, time, evaluator)
    assert made.discount.tolist() == [0.0] * 200
    early = ShiftedGoals(fraction=1.0, steps=3).assign(table, segment, time - 2, evaluator)
    assert torch.equal(early.discount == 0, early.steps == 3)


class Ending(StubEvaluator):
    """Goals that are ``shift`` ahead of the state that is reached end an episode at row 2."""

    shift = 1
    cuts = False

    def reward(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        return achieved_goal

    def terminated(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        return self._meets(achieved_goal, desired_goal, 2) & (not self.cuts)

    def truncated(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        return self._meets(achieved_goal, desired_goal, 2) & self.cuts

    def _meets(self, achieved: Tensor, desired: Tensor, at: int) -> Tensor:
        return ((achieved % 10 == at) & (desired % 10 == at + self.shift))[:, 0]


@pytest.mark.parametrize("cuts", [False, True])
def test_a_return_ends_where_the_shifted_goal_does(
    cuts: bool, table: Trajectories, generator: Generator
) -> None:
    """States 20, 21, 22, 23, 24 under goals 120 + t + k, gamma 0.5, n = 3 where it may be.

    Only a goal of k = 1 ends anything, at row 2: from t = 0 that is n = 2, not L - t - k = 3,
    with a bootstrap where it truncates.
    """
    evaluator = Ending(generator, gamma=0.5)
    evaluator.cuts = cuts
    expected = {
        # t, k: reward, n, discount
        (0, 0): (1 + 0.5 * 2 + 0.25 * 3, 3, 0.125),
        (0, 1): (21 + 0.5 * 22, 2, 0.25 if cuts else 0.0),
        (0, 2): (21 + 0.5 * 22, 2, 0.25),
        (0, 3): (21, 1, 0.5),
        (2, -1): (23 + 0.5 * 24, 2, 0.25),
    }
    for (start, shift), answer in expected.items():
        segment, time = torch.full((300,), 2), torch.full((300,), start)
        made = ShiftedGoals(fraction=1.0, steps=3).assign(table, segment, time, evaluator)
        row = int((made.goal[:, 0] == 120 + start + shift).nonzero()[0])
        figures = float(made.reward[row, 0]), int(made.steps[row]), float(made.discount[row])
        assert figures == pytest.approx(answer), (start, shift)
        assert float(made.next_observation[row, 0]) == 20 + start + answer[1]


def test_an_end_that_the_own_goal_explains_is_none_under_another(
    table: Trajectories, generator: Generator
) -> None:
    """Segment 0 ends in a terminal state at row 3, by its own goal 103: k = 0 explains it."""

    class Own(Ending):
        shift = 0

        def terminated(
            self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
        ) -> Tensor:
            return self._meets(achieved_goal, desired_goal, 3)

        def truncated(
            self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
        ) -> Tensor:
            return torch.zeros(len(achieved_goal), dtype=torch.bool)

    segment, time = torch.zeros(200, dtype=torch.long), torch.full((200,), 2)
    evaluator = Own(generator, gamma=0.5)
    made = ShiftedGoals(fraction=1.0, steps=3).assign(table, segment, time, evaluator)
    shifted = made.goal[:, 0] != 102
    assert shifted.any()
    assert set(made.discount[shifted].tolist()) == {0.5}
    assert set(made.discount[~shifted].tolist()) == {0.0}


SIGMA, THETA, BEHAVIOUR = 0.8, 0.7, 0.7


class LinearGaussian(StubEvaluator):
    """pi(a|s,g) = Normal(theta g, sigma), reward -(a - g)^2, without the evaluator's networks."""

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        return log_normal(action, THETA * goal)

    def reward(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        return -((achieved_goal - desired_goal) ** 2)


def log_normal(action: Tensor, mu: Tensor) -> Tensor:
    density: Tensor = torch.distributions.Normal(mu, SIGMA).log_prob(action)
    return density.sum(1)


def bandit(generator: Generator, segments: int) -> Trajectories:
    """Two steps each; what the behaviour policy's action is, is achieved; goals of about 1."""
    goal = 1 + 0.5 * torch.randn(segments, 2, 1, generator=generator, dtype=torch.float64)
    goal = torch.cat([goal, goal[:, 1:]], 1)  # the last two rows share a goal
    action = BEHAVIOUR * goal[:, :2]
    action = action + SIGMA * torch.randn(action.shape, generator=generator, dtype=torch.float64)
    log_prob = log_normal(action.flatten(0, 1), BEHAVIOUR * goal[:, :2].flatten(0, 1))
    length = torch.full((segments,), 2)
    return Trajectories(
        observation=torch.zeros(segments, 3, 1, dtype=torch.float64),
        achieved_goal=torch.cat([torch.zeros_like(action[:, :1]), action], 1),
        desired_goal=goal,
        action=action,
        mu=BEHAVIOUR * goal[:, :2],
        sigma=torch.full_like(action, SIGMA),
        log_prob=log_prob.reshape(segments, 2),
        reward=-((action - goal[:, 1:]) ** 2),
        length=length,
        terminated=torch.zeros_like(length, dtype=torch.bool),
        truncated=torch.ones_like(length, dtype=torch.bool),
    )


def score_gradient(made: Transitions) -> Tensor:
    """Gradient in theta of weight * rho * reward for every sample, rho = pi / pi_proximal."""
    theta = torch.full((len(made), 1), THETA, dtype=torch.float64, requires_grad=True)
    rho = torch.exp(log_normal(made.action, theta * made.goal) - made.proximal_log_prob)
    (gradient,) = torch.autograd.grad((made.weight * rho * made.reward[:, 0]).sum(), theta)
    return gradient[:, 0]


def sigmas_from_truth(ratio: Ratio, truncate: float | None) -> float:
    """How many standard errors the mean gradient is from the one under g⁺."""
    generator = Generator().manual_seed(3)
    stored = bandit(generator, 200_000)
    # t = 0, k = 1: the actor was shown g_0, is judged under g_1, which is independent of it.
    segment = torch.arange(200_000)
    time = torch.zeros_like(segment)
    scheme = ShiftedGoals(ratio=ratio, fraction=1.0, truncate=truncate)
    made = scheme.assign(stored, segment, time, LinearGaussian(generator))
    shifted = made.goal[:, 0] != stored.desired_goal[:, 0, 0]
    made = made[shifted]
    # d/dtheta E[-(theta g + sigma e - g)^2] = -2 (theta - 1) g^2, goals g_1 = g_2 here
    error = score_gradient(made) + 2 * (THETA - 1) * made.goal[:, 0] ** 2
    assert 90_000 < len(made) < 110_000
    return abs(float(error.mean() / error.std() * len(made) ** 0.5))


def test_sampled_and_decoupled_recover_the_gradient_and_realigned_does_not() -> None:
    assert sigmas_from_truth("sampled", None) < 3.3
    assert sigmas_from_truth("decoupled", None) < 3.3
    assert sigmas_from_truth("realigned", None) > 20
    assert sigmas_from_truth("decoupled", 1.0) > 5  # truncation pays for its variance with bias


@pytest.mark.parametrize("ratio", RATIOS)
def test_log_probs_and_weights(ratio: Ratio, table: Trajectories, generator: Generator) -> None:
    evaluator = LinearGaussian(generator)
    segment, time = torch.full((300,), 2), torch.ones(300, dtype=torch.long)
    made = ShiftedGoals(ratio=ratio, fraction=1.0, truncate=None).assign(
        table, segment, time, evaluator
    )
    behaviour = torch.full((300,), -1.0)  # the table's log_prob at t = 1
    proximal = evaluator.log_prob(made.observation, made.goal, made.action)
    assert torch.equal(made.behaviour_log_prob, behaviour)
    kept = made.goal[:, 0] == 121
    expected = {
        "sampled": (behaviour, torch.ones(300)),
        "realigned": (torch.where(kept, behaviour, proximal), torch.ones(300)),
        "decoupled": (proximal, torch.exp(proximal - behaviour)),
    }[ratio]
    assert torch.equal(made.proximal_log_prob, expected[0])
    assert torch.allclose(made.weight, expected[1])


def test_weight_is_truncated(table: Trajectories, generator: Generator) -> None:
    class Likely(StubEvaluator):
        def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
            return torch.linspace(-3, 3, len(goal))

    segment, time = torch.full((50,), 2), torch.ones(50, dtype=torch.long)
    made = ShiftedGoals(truncate=1.5).assign(table, segment, time, Likely(generator))
    expected = torch.exp(torch.linspace(-3, 3, 50) + 1).clamp(max=1.5)
    assert torch.allclose(made.weight, expected)


@pytest.mark.parametrize("ratio", RATIOS)
def test_supplied_checks(ratio: Ratio) -> None:
    check_scheme(ShiftedGoals(ratio=ratio, steps=4, gae_lambda=0.8, fraction=0.7))
    check_scheme(ShiftedGoals(ratio=ratio, max_shift=2), reward_dim=2, dtype=torch.float64)


def test_what_it_says_of_itself() -> None:
    assert ShiftedGoals.needs_goals
    assert ShiftedGoals.sets_proximal
    assert not getattr(ShiftedGoals, "relabels", False)
