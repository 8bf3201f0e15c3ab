"""Hindsight goals against their laws; rewards, steps and the stored table."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from bnpo.credit import HER, check_scheme
from bnpo.credit.checks import StubEvaluator
from bnpo.errors import ConfigError
from bnpo.types import Trajectories

# Upper 0.001 quantiles of chi-square by degrees of freedom.
CRITICAL = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47}


def chi_square(counts: Tensor, probabilities: list[float]) -> float:
    expected = torch.tensor(probabilities, dtype=torch.float64) * counts.sum()
    return float(((counts - expected) ** 2 / expected).sum())


def check_law(goals: Tensor, law: dict[float, float]) -> None:
    """Goals [B, 1] are those of the law and as frequent as it says."""
    values, counts = torch.unique(goals, return_counts=True)
    assert values.tolist() == list(law)  # no goal from elsewhere, none missing
    if len(law) > 1:
        assert chi_square(counts, list(law.values())) < CRITICAL[len(law) - 1]


@pytest.mark.parametrize(
    ("strategy", "time", "law"),
    [
        # Segment 2 has states 20..24, L = 4: later than t = 1 are 22, 23, 24.
        ("future", 1, {22.0: 1 / 3, 23.0: 1 / 3, 24.0: 1 / 3}),
        ("future", 0, {21.0: 1 / 4, 22.0: 1 / 4, 23.0: 1 / 4, 24.0: 1 / 4}),
        ("future", 3, {24.0: 1.0}),
        ("final", 1, {24.0: 1.0}),
        ("episode", 2, {21.0: 1 / 4, 22.0: 1 / 4, 23.0: 1 / 4, 24.0: 1 / 4}),
        # 1/2 of final on top of 1/2 of future
        ({"future": 0.5, "final": 0.5}, 2, {23.0: 1 / 4, 24.0: 3 / 4}),
        (
            {"future": 0.2, "final": 0.3, "episode": 0.5},
            3,
            {21.0: 1 / 8, 22.0: 1 / 8, 23.0: 1 / 8, 24.0: 5 / 8},
        ),
    ],
)
def test_goals_follow_the_law(
    strategy: object,
    time: int,
    law: dict[float, float],
    table: Trajectories,
    evaluator: StubEvaluator,
) -> None:
    segment = torch.full((8000,), 2)
    scheme = HER(strategy=strategy, ratio=1.0)
    made = scheme.assign(table, segment, torch.full((8000,), time), evaluator)
    check_law(made.goal, law)
    assert torch.equal(made.goal, made.next_goal)


def test_goals_of_a_part_written_segment(table: Trajectories, evaluator: StubEvaluator) -> None:
    segment, time = torch.ones(8000, dtype=torch.long), torch.zeros(8000, dtype=torch.long)
    for strategy in ("future", "episode"):  # states 10..13, L = 3; row 4 is NaN
        made = HER(strategy=strategy, ratio=1.0).assign(table, segment, time, evaluator)
        check_law(made.goal, {11.0: 1 / 3, 12.0: 1 / 3, 13.0: 1 / 3})


@pytest.mark.parametrize("strategy", ["future", "final", "episode"])
def test_goals_are_of_the_own_segment(
    strategy: str, random_table: Callable[..., Trajectories], generator: Generator
) -> None:
    stored = random_table(segments=50, steps=9)
    rows = torch.arange(10.0) + 100 * torch.arange(50.0)[:, None]  # a goal tells its origin
    unwritten = torch.arange(10) > stored.length[:, None]
    stored = stored.replace(
        achieved_goal=rows.masked_fill(unwritten, torch.nan)[..., None].repeat(1, 1, 2)
    )
    segment = torch.randint(50, (4000,), generator=generator)
    time = (torch.rand(4000, generator=generator) * stored.length[segment]).long()
    made = HER(strategy=strategy).assign(stored, segment, time, StubEvaluator(generator))
    origin = made.goal[made.relabelled][:, 0].long()  # NaN would be no row of any segment
    assert torch.equal(origin // 100, segment[made.relabelled])
    at = origin % 100
    assert bool((at <= stored.length[segment[made.relabelled]]).all())
    assert bool((at >= 1).all())
    if strategy == "future":
        assert bool((at > time[made.relabelled]).all())


def test_ratio_of_relabelled(table: Trajectories, evaluator: StubEvaluator) -> None:
    segment, time = torch.full((8000,), 2), torch.zeros(8000, dtype=torch.long)
    made = HER(ratio=0.7).assign(table, segment, time, evaluator)
    hits = made.relabelled.sum().double()
    assert chi_square(torch.stack([hits, 8000 - hits]), [0.7, 0.3]) < CRITICAL[1]
    assert not HER(ratio=0.0).assign(table, segment, time, evaluator).relabelled.any()
    assert HER(ratio=1.0).assign(table, segment, time, evaluator).relabelled.all()


def test_rewards_steps_and_discounts(table: Trajectories, evaluator: StubEvaluator) -> None:
    """Relabelled: one step, the task's reward. The rest: floating n-step as it happened."""
    segment, time = torch.zeros(4000, dtype=torch.long), torch.arange(4000) % 3
    made = HER(steps=3, ratio=0.5).assign(table, segment, time, evaluator)
    new, old = made.relabelled, ~made.relabelled
    assert set(made.steps[new].tolist()) == {1}
    assert set(made.steps[old & (time == 0)].tolist()) == {1, 2, 3}
    # The stub's reward is the negative distance of what step t achieved, the state t + 1.
    expected = -(time[:, None] + 1 - made.goal).abs()
    assert torch.equal(made.reward[new], expected[new])
    assert torch.equal(made.next_observation[new][:, 0], time[new] + 1.0)
    # Step 2 really ended in a terminal state, whatever the goal.
    assert torch.equal(made.discount[new], torch.where(time[new] == 2, 0.0, 0.5))
    happened = table.n_step(segment, time, made.steps, 0.5)
    for name in ("goal", "next_goal", "reward", "discount", "next_observation"):
        assert torch.equal(getattr(made, name)[old], getattr(happened, name)[old]), name


def test_a_relabelled_step_ends_where_the_task_says(
    table: Trajectories, generator: Generator
) -> None:
    """Goals end an episode when they are nearer than 0.5: here where they are the state itself.

    Segment 0 ends at its state 3. Relabelled by "final" its last step reaches the new goal 3 and
    ends; steps 0 and 1 do not. By another goal (state 0) the last step ends for no reason that its
    own goal gives (103 is 100 away), so that end stays; where its own goal was reached, too (the
    desired goal is the state), the end was of that goal, and the step goes on: 0.5 is gamma.
    """

    class Near(StubEvaluator):
        def terminated(
            self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
        ) -> Tensor:
            return (achieved_goal - desired_goal)[:, 0].abs() < 0.5

    def first(
        trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
    ) -> Tensor:
        return trajectories.achieved_goal[segment, 0]

    near = Near(generator, gamma=0.5)
    segment, time = torch.zeros(3, dtype=torch.long), torch.arange(3)

    def discounts(strategy: object, trajectories: Trajectories) -> list[float]:
        scheme = HER(strategy=strategy, ratio=1.0)
        return scheme.assign(trajectories, segment, time, near).discount.tolist()

    reached = table.replace(desired_goal=table.achieved_goal)
    assert discounts("final", table) == [0.5, 0.5, 0.0]
    assert discounts(first, table) == [0.5, 0.5, 0.0]
    assert discounts(first, reached) == [0.5, 0.5, 0.5]
    assert discounts("final", reached) == [0.5, 0.5, 0.0]


def test_fixed_steps_and_reward_vectors(
    random_table: Callable[..., Trajectories], generator: Generator
) -> None:
    stored = random_table(reward_dim=2, segments=20, steps=5)
    segment = torch.arange(20).repeat(50)
    time = torch.zeros_like(segment)
    made = HER(steps=2, floating=False, ratio=0.5).assign(
        stored, segment, time, StubEvaluator(generator, reward_dim=2)
    )
    cut = stored.length[segment].clamp(max=2)
    assert torch.equal(made.steps, torch.where(made.relabelled, 1, cut))
    assert made.reward.shape == (1000, 2)


def test_a_callable_chooses_goals(table: Trajectories, evaluator: StubEvaluator) -> None:
    def first(
        trajectories: Trajectories, segment: Tensor, time: Tensor, generator: Generator
    ) -> Tensor:
        return trajectories.achieved_goal[segment, 0]

    segment, time = torch.tensor([0, 1, 2] * 1000), torch.tensor([1, 2, 3] * 1000)
    made = HER(strategy=first, ratio=1.0).assign(table, segment, time, evaluator)
    assert torch.equal(made.goal[:, 0], segment * 10.0)
    mixed = HER(strategy={first: 0.25, "final": 0.75}, ratio=1.0)
    picked = mixed.assign(table, segment, time, evaluator).goal[segment == 2]
    check_law(picked, {20.0: 0.25, 24.0: 0.75})


def test_nothing_else_changes(random_table: Callable[..., Trajectories]) -> None:
    for strategy in ("future", "final", "episode", {"future": 0.5, "episode": 0.5}):
        check_scheme(HER(strategy=strategy))  # the stored table, shapes, finiteness, generator
    check_scheme(HER(), dtype=torch.float64)


def test_what_it_says_of_itself() -> None:
    assert HER.relabels
    assert HER.needs_goals
    assert HER() == HER(strategy="future", ratio=0.8, steps=3, floating=True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strategy": "futur"}, r"HER\.strategy = 'futur': allowed is .*did you mean 'future'"),
        ({"strategy": 3}, r"HER\.strategy = 3: allowed is one of 'future', 'final', 'episode'"),
        ({"strategy": {"future": 0.5}}, r"probabilities in \[0, 1\] that sum to 1"),
        ({"strategy": {"future": 1.5, "final": -0.5}}, r"probabilities in \[0, 1\]"),
        ({"strategy": {}}, r"sum to 1"),
        ({"strategy": {"last": 1.0}}, r"'last'"),
        ({"ratio": 1.2}, r"HER\.ratio = 1\.2"),
        ({"steps": 0}, r"HER\.steps = 0"),
    ],
)
def test_bad_fields_are_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        HER(**fields)  # type: ignore[arg-type]


def test_without_goals_it_says_what_is_missing(
    random_table: Callable[..., Trajectories], evaluator: StubEvaluator
) -> None:
    with pytest.raises(ConfigError, match="hindsight needs a goal environment"):
        HER().assign(random_table(goal_dim=0), torch.tensor([0]), torch.tensor([0]), evaluator)


def test_goals_of_others_are_of_other_segments(table: Trajectories, generator: Generator) -> None:
    evaluator = StubEvaluator(generator, gamma=0.5)
    segment, time = torch.tensor([0, 1, 2]), torch.zeros(3, dtype=torch.int64)
    seen: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
    for _ in range(200):
        made = HER(strategy="other", ratio=1.0).assign(table, segment, time, evaluator)
        for own, goal in enumerate(made.goal[:, 0].tolist()):
            seen[own].add(int(goal))
    # States are 10 s + t, written from t = 1 to L = 3, 3 and 4.
    reached = {0: {1, 2, 3}, 1: {11, 12, 13}, 2: {21, 22, 23, 24}}
    for own, goals in seen.items():
        assert goals == set().union(*(reached[s] for s in reached if s != own))


def test_actual_goals_are_those_that_others_pursued(
    random_table: Callable[..., Trajectories], generator: Generator
) -> None:
    table = random_table()
    evaluator = StubEvaluator(generator, gamma=0.5)
    segment, time = torch.tensor([0, 1, 2]), torch.tensor([1, 0, 1])
    pursued = table.desired_goal[segment, time]
    seen: list[set[int]] = [set(), set(), set()]
    for _ in range(50):
        made = HER(strategy="actual", ratio=1.0).assign(table, segment, time, evaluator)
        for own, goal in enumerate(made.goal):
            (of,) = [of for of, other in enumerate(pursued) if torch.equal(goal, other)]
            seen[own].add(of)
    assert seen == [{1, 2}, {0, 2}, {0, 1}]
