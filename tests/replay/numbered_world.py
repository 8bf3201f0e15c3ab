"""Environments that number their observations, and lists beside the table of segments."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from bnpo.replay import SegmentTable
from bnpo.types import TaskSpec
from bnpo.types.step import Decision, Observation, Step

SPEC = TaskSpec(
    env_id="lists",
    observation_dim=2,
    goal_dim=1,
    action_low=(-1.0, -1.0),
    action_high=(1.0, 1.0),
    reward_dim=2,
)


def step_of(decision: Decision, reward: Tensor, ends: Any, following: Any, reset: Any) -> Step:
    """A step of every environment; ``ends`` holds terminated and truncated."""
    return Step(
        decision,
        reward,
        ends[0],
        ends[1],
        Observation(*following),
        Observation(*reset),
        reward_low=float(reward.min()),
        reward_high=float(reward.max()),
        lag=0,
    )


@dataclass
class Segment:
    """What a row should hold; observations are numbered, everything else follows from them."""

    seen: list[float]
    ended: tuple[bool, bool] = (False, False)


@dataclass
class World:
    """Environments that number their observations, the table, and lists beside it."""

    table: SegmentTable
    generator: torch.Generator
    end: float  # probability that a step ends an episode
    number: Tensor = field(init=False)
    open: list[Segment] = field(init=False)
    finished: deque[tuple[int, Segment]] = field(default_factory=deque)  # row, content

    def __post_init__(self) -> None:
        envs = self.table.num_envs
        self.number = torch.arange(envs, dtype=torch.float32)
        self.count = float(envs)
        self.table.begin(Observation(*shown(self.number)))
        self.open = [Segment([n]) for n in self.number.tolist()]

    def fresh(self) -> Tensor:
        """Numbers that were never used, [N]."""
        envs = self.table.num_envs
        self.count += envs
        return torch.arange(self.count - envs, self.count)

    def step(self, loss: float = 0.0) -> list[int]:
        """One step of every environment; returns the rows that it finished.

        Each loses its segment with probability ``loss``.
        """
        envs = self.table.num_envs
        ends = torch.rand(2, envs, generator=self.generator) < self.end
        following, reset = self.fresh(), self.fresh()
        lost = torch.zeros(envs, dtype=torch.bool)
        if loss:
            lost = torch.rand(envs, generator=self.generator) < loss
        reset = torch.where(ends.any(0) | lost, reset, following)
        x = self.number[:, None]
        decision = Decision(
            torch.cat([x + 0.1, x + 0.2], 1),
            torch.cat([x + 0.3, x + 0.4], 1),
            torch.cat([x + 0.5, x + 0.6], 1),
            self.number + 0.7,
        )
        step = step_of(
            decision, torch.cat([x + 0.8, x + 0.9], 1), ends, shown(following), shown(reset)
        )
        rows = self.table.append(step._replace(lost=lost if loss else None)).tolist()
        self.number = reset
        self.mirror(ends.T.tolist(), following.tolist(), reset.tolist(), list(rows), lost.tolist())
        return list(rows)

    def mirror(
        self,
        ends: list[list[bool]],
        following: list[float],
        reset: list[float],
        rows: list[int],
        lost: list[bool],
    ) -> None:
        """Do to the lists what the table should have done."""
        waiting = list(rows)
        for env, segment in enumerate(self.open):
            segment.seen.append(following[env])
            if lost[env]:
                self.open[env] = Segment([reset[env]])
            elif any(ends[env]) or len(segment.seen) == self.table.max_steps + 1:
                segment.ended = (ends[env][0], ends[env][1])
                self.finished.append((waiting.pop(0), segment))
                self.open[env] = Segment([reset[env]])
        assert not waiting
        while len(self.finished) + len(self.open) > self.table.segments:
            self.finished.popleft()

    def transitions(self) -> list[tuple[int, int]]:
        """(row, time) of everything finished, oldest first."""
        return [(row, t) for row, s in self.finished for t in range(len(s.seen) - 1)]


def shown(number: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Observation and goals that tell their number."""
    x = number[:, None]
    return torch.cat([x, x + 0.25], 1), x + 0.5, x + 0.75


def check_row(table: SegmentTable, row: int, segment: Segment) -> None:
    """Assert that a row holds a segment."""
    stored = table.trajectories
    steps = len(segment.seen) - 1
    assert int(stored.length[row]) == steps
    assert (bool(stored.terminated[row]), bool(stored.truncated[row])) == segment.ended
    x = torch.tensor(segment.seen)
    expected = shown(x)
    assert torch.equal(stored.observation[row, : steps + 1], expected[0])
    assert torch.equal(stored.achieved_goal[row, : steps + 1], expected[1])
    assert torch.equal(stored.desired_goal[row, : steps + 1], expected[2])
    x = x[:-1, None]
    assert torch.equal(stored.action[row, :steps], torch.cat([x + 0.1, x + 0.2], 1))
    assert torch.equal(stored.mu[row, :steps], torch.cat([x + 0.3, x + 0.4], 1))
    assert torch.equal(stored.sigma[row, :steps], torch.cat([x + 0.5, x + 0.6], 1))
    assert torch.equal(stored.log_prob[row, :steps], x[:, 0] + 0.7)
    assert torch.equal(stored.reward[row, :steps], torch.cat([x + 0.8, x + 0.9], 1))


def world(envs: int, max_steps: int, capacity: int, end: float, seed: int = 0) -> World:
    table = SegmentTable(SPEC, capacity=capacity, max_steps=max_steps, num_envs=envs)
    return World(table, torch.Generator().manual_seed(seed), end)
