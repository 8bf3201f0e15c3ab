"""Shared types: the task, trajectories as they happened, transitions with credit, protocols.

Data flows one way: environment -> :class:`Trajectories` -> a :class:`CreditScheme` ->
:class:`Transitions` -> a brain. Letters of shapes: S segments, T steps, B samples, O observation,
G goal, A action and R reward dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor

__all__ = ["CreditScheme", "Evaluator", "Rows", "TaskSpec", "Trajectories", "Transitions"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSpec:
    """What an agent must know of its environment."""

    env_id: str
    """Gymnasium id."""

    observation_dim: int
    """Numbers in the observation, without goals."""

    goal_dim: int
    """Numbers in a goal; 0 for an environment without goals."""

    action_low: tuple[float, ...]
    """Lower bounds of the action, one per dimension."""

    action_high: tuple[float, ...]
    """Upper bounds of the action, one per dimension."""

    reward_dim: int = 1
    """Components of the reward."""

    max_episode_steps: int | None = None
    """Time limit of an episode (environment steps), if there is one."""

    @property
    def action_dim(self) -> int:
        """Numbers in an action."""
        return len(self.action_low)

    @property
    def is_goal_env(self) -> bool:
        """Whether observations carry achieved and desired goals."""
        return self.goal_dim > 0


class _Batch:
    """Columns of equal length, indexed together; the slots of a batch are its columns."""

    __slots__: tuple[str, ...] = ()

    def columns(self) -> Iterator[tuple[str, Tensor]]:
        """Name and tensor of every column."""
        for name in self.__slots__:
            yield name, getattr(self, name)

    def __getitem__(self, index: Tensor | slice) -> Self:
        """Rows of every column."""
        return type(self)(**{name: getattr(self, name)[index] for name in self.__slots__})

    def replace(self, **columns: Tensor) -> Self:
        """Return a copy with some columns exchanged; the rest is shared."""
        return type(self)(**{**dict(self.columns()), **columns})

    @property
    def device(self) -> torch.device:
        """Where the columns lie."""
        return next(self.columns())[1].device


class Rows:
    """Rows (segment, time) of trajectories, from which several columns are gathered.

    ``Rows(segment, time).of(column)`` is column[segment, time]. Where segments lie at equal
    distances, views of a wider table included, it is one index_select on a flat view, and columns
    that lie alike share the index.
    """

    __slots__ = ("_flat", "segment", "time")

    def __init__(self, segment: Tensor, time: Tensor) -> None:
        """Rows at segment [B] and time [B], neither negative."""
        self.segment, self.time = segment, time
        self._flat: dict[int, Tensor] = {}  # by the rows from one segment to the next

    def of(self, column: Tensor) -> Tensor:
        """Gather a column [S, W, ...] to [B, ...], a copy."""
        apart, between, *inner = column.stride()
        if not between or apart % between:
            return column[self.segment, self.time]
        size = _rows(column, column.shape[1]), *column.shape[2:]
        return column.as_strided(size, (between, *inner)).index_select(0, self._index(column))

    def of_all(self, *columns: Tensor) -> tuple[Tensor, ...]:
        """Gather columns [S, W] or [S, W, D] to [B] or [B, D].

        Columns that lie side by side in one table are views of one gathered copy of its rows.
        """
        one = columns[0]
        base, (apart, between) = one._base, one.stride()[:2]
        strides = apart, between, 1
        first = [column.storage_offset() for column in columns]
        widths = [column.shape[2] if column.ndim == 3 else 1 for column in columns]
        start = min(first)
        width = max(at + size for at, size in zip(first, widths, strict=True)) - start
        if not (
            base is not None
            and 0 < width <= between
            and apart % between == 0
            and all(c._base is base and c.stride() == strides[: c.ndim] for c in columns)
        ):
            return tuple(self.of(column) for column in columns)
        table = one.as_strided(
            (_rows(one, min(column.shape[1] for column in columns)), width), (between, 1), start
        )
        block = table.index_select(0, self._index(one))
        count = block.shape[0]
        return tuple(
            block.as_strided((count, size), (width, 1), at - start)
            if column.ndim == 3
            else block.select(1, at - start)
            for column, at, size in zip(columns, first, widths, strict=True)
        )

    def _index(self, column: Tensor) -> Tensor:
        """Index [B] of the rows in a column whose segments lie at equal distances."""
        per = column.stride(0) // column.stride(1)
        index = self._flat.get(per)
        if index is None:
            index = self._flat[per] = torch.add(self.time, self.segment, alpha=per)
        return index


def _rows(column: Tensor, steps: int) -> int:
    """Rows from the first to the last of ``steps`` in each segment of a column [S, W, ...]."""
    apart, between = column.stride()[:2]
    return (column.shape[0] - 1) * (apart // between) + steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Trajectories(_Batch):
    """Segments as they happened; row t of what is T + 1 long precedes action t.

    Rows at and beyond ``length`` (beyond it by one for observations and goals) were not written.
    """

    observation: Tensor
    """[S, T+1, O]"""

    achieved_goal: Tensor
    """[S, T+1, G]"""

    desired_goal: Tensor
    """[S, T+1, G], what the actor was shown"""

    action: Tensor
    """[S, T, A], as drawn: not clipped to the Box"""

    mu: Tensor
    """[S, T, A], mean of the behaviour distribution"""

    sigma: Tensor
    """[S, T, A], scale of the behaviour distribution"""

    log_prob: Tensor
    """[S, T], density that generated the action, summed over action dimensions"""

    reward: Tensor
    """[S, T, R]"""

    length: Tensor
    """[S], steps that were taken"""

    terminated: Tensor
    """[S], whether the last step ended the episode in a terminal state"""

    truncated: Tensor
    """[S], whether the last step ended the episode by its time limit"""

    def __len__(self) -> int:
        """Return the number of segments."""
        return self.length.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the columns lie."""
        return self.length.device

    def n_step(
        self, segment: Tensor, time: Tensor, steps: Tensor, gamma: float, most: int | None = None
    ) -> Transitions:
        """Gather n-step transitions, cut at the end of their segment.

        reward = sum_{k<n} gamma^k r_{t+k};  discount = gamma^n, or 0 after a termination.
        With n > 1 on old data the return is not corrected for the policy's change.

        Args:
            segment: [B], rows of these trajectories.
            time: [B], step within the segment.
            steps: [B], n >= 1, cut to what is left of the segment.
            gamma: discount factor per step.
            most: n is known not to be larger; 1 spares a look at the steps, and on a device the
                wait for it.

        """
        length = self.length.index_select(0, segment)
        steps = torch.ones_like(time) if most == 1 else torch.minimum(steps, length - time)
        here, there = Rows(segment, time), Rows(segment, time + steps)
        observation, goal, action, mu, sigma, log_prob, reward = here.of_all(
            self.observation,
            self.desired_goal,
            self.action,
            self.mu,
            self.sigma,
            self.log_prob,
            self.reward,
        )
        next_observation, next_goal = there.of_all(self.observation, self.desired_goal)
        # few, where most goals are relabelled
        longer = segment[:0] if most == 1 else (steps > 1).nonzero()[:, 0]
        if len(longer):
            rows, first, n = (column.index_select(0, longer) for column in (segment, time, steps))
            reward.index_add_(0, longer, self._later_reward(rows, first, n, gamma))
        ended = self.terminated.index_select(0, segment) & (there.time == length)
        if most == 1:
            discount = torch.full_like(time, gamma, dtype=reward.dtype).masked_fill_(ended, 0.0)
        else:
            discount = torch.where(ended, 0.0, torch.pow(gamma, steps.to(reward.dtype)))
        return Transitions(
            observation=observation,
            goal=goal,
            action=action,
            mu=mu,
            sigma=sigma,
            behaviour_log_prob=log_prob,
            proximal_log_prob=log_prob.clone(),
            reward=reward,
            discount=discount,
            next_observation=next_observation,
            next_goal=next_goal,
            weight=torch.ones_like(discount),
            relabelled=torch.zeros_like(ended),
            steps=steps,
            log_ratio_rest=torch.zeros_like(discount),
        )

    def _later_reward(self, segment: Tensor, time: Tensor, steps: Tensor, gamma: float) -> Tensor:
        """Sum of gamma^k r_{t+k} over 0 < k < n of transitions [B], [B, R]."""
        ahead = torch.arange(1, int(steps.max()), device=self.device)  # [n-1]
        last = (steps - 1)[:, None]
        at = torch.minimum(ahead, last).add_(time[:, None])  # [B, n-1], written rows only
        weight = torch.where(ahead <= last, torch.pow(gamma, ahead.to(self.reward.dtype)), 0.0)
        later = Rows(segment[:, None].expand_as(at).reshape(-1), at.view(-1)).of(self.reward)
        return torch.bmm(weight[:, None], later.view(*at.shape, -1))[:, 0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Transitions(_Batch):
    """What a brain learns from: transitions with assigned credit."""

    observation: Tensor
    """[B, O]"""

    goal: Tensor
    """[B, G], desired or relabelled"""

    action: Tensor
    """[B, A], as drawn: not clipped to the Box"""

    mu: Tensor
    """[B, A], mean of the behaviour distribution mu_b"""

    sigma: Tensor
    """[B, A], scale of the behaviour distribution sigma_b"""

    behaviour_log_prob: Tensor
    """[B], log density that generated the action"""

    proximal_log_prob: Tensor
    """[B], log density that PPO's ratio refers to"""

    reward: Tensor
    """[B, R], n-step reward with any inner bootstraps"""

    discount: Tensor
    """[B], of the live bootstrap at the next observation; 0 after a termination"""

    next_observation: Tensor
    """[B, O], n steps later"""

    next_goal: Tensor
    """[B, G], n steps later"""

    weight: Tensor
    """[B], detached weight of the sample in the actor's objective"""

    relabelled: Tensor
    """[B], whether the goal was chosen because of the outcome"""

    steps: Tensor
    """[B], n"""

    log_ratio_rest: Tensor
    """[B], log importance ratio of the actions after the first, zero where not asked for"""

    def __len__(self) -> int:
        """Return the number of transitions."""
        return self.discount.shape[0]


class Evaluator(Protocol):
    """What a credit scheme may ask of the agent: values, densities, rewards, random numbers."""

    @property
    def gamma(self) -> float:
        """Discount factor per environment step."""

    @property
    def generator(self) -> torch.Generator:
        """Source of every random number a scheme draws."""

    def value(self, observation: Tensor, goal: Tensor) -> Tensor:
        """Q'(s, g, pi'(s, g)) of the brain's target networks, [B, R], without gradient."""

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of actions under the learning policy, [B], without gradient."""

    def reward(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """Reward of the task for goals [B, G], [B, R]."""


@runtime_checkable
class CreditScheme(Protocol):
    """Turns stored trajectories into transitions with credit.

    A scheme may also carry the attributes ``relabels`` (goals are chosen because of the outcome:
    refused on a likelihood-ratio brain) and ``needs_goals``; both are False where absent.
    """

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign credit to the transitions at (segment, time), both [B], of the trajectories.

        The trajectories are the stored ones: a scheme reads them and never writes to them.
        """
