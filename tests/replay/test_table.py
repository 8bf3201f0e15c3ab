"""The table of segments against lists, under random episode lengths and at any wrap."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnpo.errors import ConfigError
from bnpo.replay import SegmentTable
from bnpo.types import TaskSpec
from bnpo.types.step import Decision, Observation
from tests.replay.numbered_world import SPEC, Segment, check_row, shown, step_of, world


@settings(max_examples=80, deadline=None)
@given(
    envs=st.integers(1, 5),
    max_steps=st.integers(1, 7),
    spare=st.integers(0, 30),
    end=st.sampled_from([0.0, 0.1, 0.4, 1.0]),
    steps=st.integers(1, 80),
    memory=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_agrees_with_lists(
    envs: int, max_steps: int, spare: int, end: float, steps: int, memory: int, seed: int
) -> None:
    here = world(envs, max_steps, envs * max_steps + spare, end, seed)
    finished = 0
    for _ in range(steps):
        finished += len(here.step())
        valid = here.transitions()
        assert here.table.transitions_stored == len(valid)
        assert here.table.segments_finished == finished
        assert int(here.table.trajectories.length.sum()) == len(valid)  # 0 where unfinished
        if not valid:
            continue
        segment, time = here.table.draw(300, memory, here.generator)
        drawn = set(zip(segment.tolist(), time.tolist(), strict=True))
        assert drawn <= set(valid[-memory:])  # finished, not evicted, written, recent
        if len(valid[-memory:]) <= 20:  # missing one has probability < 20 * (19/20)^300 = 4e-6
            assert drawn == set(valid[-memory:])
    for row, content in here.finished:
        check_row(here.table, row, content)


def test_rows_are_whole_when_returned() -> None:
    here = world(3, 5, 15, 0.2)  # the least capacity: rows are reused at once
    for _ in range(200):
        for row in here.step():
            check_row(here.table, row, dict(here.finished)[row])


def test_a_long_episode_goes_on_in_another_segment() -> None:
    here = world(1, 4, 100, 0.0)
    first, second = [row for _ in range(8) for row in here.step()]
    stored = here.table.trajectories
    assert torch.equal(stored.observation[first, 4], stored.observation[second, 0])
    assert not bool(stored.terminated.any() | stored.truncated.any())
    index, steps = torch.tensor([first]), torch.tensor([5])
    for most in (None, 5, 10**12):
        transitions, outcome = stored.n_step_outcome(index, torch.tensor([2]), steps, 0.5, most)
        assert transitions.steps.tolist() == [2]
        assert transitions.discount.tolist() == [0.25]
        assert torch.equal(outcome, stored.achieved_goal[index, 4])
        known = torch.tensor([[7.0]])
        transitions = stored.n_step(index, torch.tensor([2]), steps, 0.5, most, reward=known)
        assert torch.equal(transitions.reward, known)
        assert transitions.discount.tolist() == [0.25]


def test_draws_are_uniform() -> None:
    here = world(3, 6, 200, 0.2)
    for _ in range(100):
        here.step()
    newest = here.transitions()[-40:]
    place = {pair: i for i, pair in enumerate(newest)}
    segment, time = here.table.draw(40_000, 40, here.generator)
    index = [place[pair] for pair in zip(segment.tolist(), time.tolist(), strict=True)]
    count = torch.bincount(torch.tensor(index), minlength=40)
    assert float(((count - 1000) ** 2 / 1000).sum()) < 72.05  # 99.9 % point, 39 degrees


def test_drawing_changes_nothing() -> None:
    here = world(2, 5, 40, 0.1)
    for _ in range(60):
        here.step()
    before = {name: column.clone() for name, column in here.table.trajectories.columns()}
    for _ in range(5):
        segment, time = here.table.draw(64, 1000, here.generator)
        transitions = here.table.trajectories.n_step(segment, time, torch.full_like(time, 3), 0.9)
        transitions.observation.zero_()
        transitions.goal.fill_(1e9)
        segment.zero_()
        time.fill_(99)
    for name, column in here.table.trajectories.columns():
        assert torch.equal(column, before[name]), name


@pytest.mark.parametrize("as_mask", [False, True])
def test_restarting_some_environments_drops_what_was_open(as_mask: bool) -> None:
    here = world(4, 6, 60, 0.0)
    for _ in range(3):
        here.step()
    env = torch.tensor([1, 3])
    fresh = here.fresh()[env]
    mask = torch.tensor([False, True, False, True])
    here.table.begin(Observation(*shown(fresh)), env=mask if as_mask else env)
    here.number[env] = fresh
    for i, number in zip(env.tolist(), fresh.tolist(), strict=True):
        here.open[i] = Segment([number])
    for _ in range(40):
        for row in here.step():
            check_row(here.table, row, dict(here.finished)[row])


@pytest.mark.parametrize("max_steps", [1, 5])
def test_nothing_of_a_lost_segment_is_kept(max_steps: int) -> None:
    here = world(4, max_steps, 60, 0.1)
    for _ in range(200):
        for row in here.step(loss=0.2):
            check_row(here.table, row, dict(here.finished)[row])
        assert here.table.transitions_stored == len(here.transitions())


def test_memory_is_close_to_the_raw_arrays() -> None:
    """Fetch's shapes; 31 + 14 numbers a step, one observation more a segment."""
    spec = TaskSpec(
        env_id="fetch",
        observation_dim=25,
        goal_dim=3,
        action_low=(-1.0,) * 4,
        action_high=(1.0,) * 4,
    )
    table = SegmentTable(spec, capacity=50_000, max_steps=50, num_envs=8)
    raw = 4 * (1000 * 51 * 31 + 50_000 * 14)
    assert table.nbytes <= 1.1 * raw


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """Copy a state, as writing and reading it would."""
    return {name: v.clone() if isinstance(v, Tensor) else v for name, v in state.items()}


def assert_same_state(table: SegmentTable, other: SegmentTable) -> None:
    """Assert that two tables would be saved alike."""
    state, other_state = table.state_dict(), other.state_dict()
    assert state.keys() == other_state.keys()
    for name, value in state.items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(other_state[name])), name


@pytest.mark.parametrize("steps", [0, 3, 25, 120])
def test_state_continues_identically(steps: int) -> None:
    here, there = world(3, 5, 40, 0.15), world(3, 5, 40, 0.15)
    for _ in range(steps):
        here.step()
    for _ in range(7):
        there.step()
    there.table.load_state_dict(copied(here.table.state_dict()))
    assert_same_state(here.table, there.table)
    there.number, there.count = here.number.clone(), here.count
    there.open = [Segment(list(s.seen)) for s in here.open]
    there.finished = deque(here.finished)
    there.generator.set_state(here.generator.get_state())
    for _ in range(60):
        assert here.step() == there.step()
        if here.table.transitions_stored:
            draws = [w.table.draw(20, 25, w.generator) for w in (here, there)]
            assert all(torch.equal(a, b) for a, b in zip(*draws, strict=True))
    for row, content in there.finished:
        check_row(there.table, row, content)
    assert_same_state(here.table, there.table)


def test_state_of_a_young_table_is_small() -> None:
    here = world(2, 5, 10_000, 0.0)
    for _ in range(12):
        here.step()
    assert len(here.table.state_dict()["storage"]) == 6


def refused(make: Callable[[], object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make()


def test_refusals() -> None:
    refused(
        lambda: SegmentTable(SPEC, capacity=39, max_steps=10, num_envs=4),
        r"capacity = 39: allowed is at least num_envs \* max_steps = 40",
    )
    refused(lambda: SegmentTable(SPEC, capacity=9, max_steps=0, num_envs=4), "max_steps = 0")
    refused(lambda: SegmentTable(SPEC, capacity=9, max_steps=1, num_envs=0), "num_envs = 0")
    refused(
        lambda: SegmentTable(SPEC, capacity=10**12, max_steps=10, num_envs=1),
        r"capacity = 1000000000000: needs [\d,]+ bytes on cpu, which has [\d,]+",
    )
    table = SegmentTable(SPEC, capacity=40, max_steps=10, num_envs=4)
    with pytest.raises(ValueError, match="nothing to draw from"):
        table.draw(1, 10, torch.Generator())
    x = torch.zeros(4)
    wide = torch.zeros(4, 2)
    decision = Decision(wide, wide, wide, x)
    step = step_of(decision, wide, (x.bool(), x.bool()), shown(x), shown(x))
    with pytest.raises(ValueError, match="begin"):
        table.append(step)
    other = SegmentTable(SPEC, capacity=60, max_steps=10, num_envs=4)
    with pytest.raises(ValueError, match="not of this table"):
        table.load_state_dict(other.state_dict())


def test_goalless_tasks_have_columns_of_no_width(device: torch.device) -> None:
    spec = TaskSpec(
        env_id="x", observation_dim=1, goal_dim=0, action_low=(0.0,), action_high=(1.0,)
    )
    table = SegmentTable(
        spec, capacity=8, max_steps=2, num_envs=2, device=device, dtype=torch.float64
    )
    x = torch.zeros(2, 1, device=device, dtype=torch.float64)
    none = x[:, :0]
    end = torch.tensor([True, False], device=device)
    seen = (x, none, none)
    table.begin(Observation(*seen))
    rows = table.append(step_of(Decision(x, x, x, x[:, 0]), x + 3, (end, ~end), seen, seen))
    assert rows.tolist() == [0, 1]
    segment, time = table.draw(9, 9, torch.Generator(device))
    transitions = table.trajectories.n_step(segment, time, torch.ones_like(time), 0.5)
    assert transitions.goal.shape == (9, 0)
    assert transitions.reward.dtype == torch.float64
    assert set(transitions.discount.tolist()) == {0.0, 0.5}
