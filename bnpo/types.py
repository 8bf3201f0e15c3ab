"""Shared types: the task, trajectories as they happened, transitions with credit, protocols.

Data flows one way: environment -> :class:`Trajectories` -> a :class:`CreditScheme` ->
:class:`Transitions` -> a brain. Letters of shapes: S segments, T steps, B samples, O observation,
G goal, A action and R reward dimensions.
"""

from __future__ import annotations

import dataclasses
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
    """Columns of equal length, indexed together."""

    __slots__ = ()

    def columns(self) -> Iterator[tuple[str, Tensor]]:
        """Name and tensor of every column."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            yield field.name, getattr(self, field.name)

    def __getitem__(self, index: Tensor | slice) -> Self:
        """Rows of every column."""
        return type(self)(**{name: column[index] for name, column in self.columns()})

    def replace(self, **columns: Tensor) -> Self:
        """Return a copy with some columns exchanged; the rest is shared."""
        return dataclasses.replace(self, **columns)  # type: ignore[type-var]

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
        per = apart // between
        index = self._flat.get(per)
        if index is None:
            index = self._flat[per] = torch.add(self.time, self.segment, alpha=per)
        size = ((len(column) - 1) * per + column.shape[1], *column.shape[2:])
        return column.as_strided(size, (between, *inner)).index_select(0, index)


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

    def n_step(self, segment: Tensor, time: Tensor, steps: Tensor, gamma: float) -> Transitions:
        """Gather n-step transitions, cut at the end of their segment.

        reward = sum_{k<n} gamma^k r_{t+k};  discount = gamma^n, or 0 after a termination.
        With n > 1 on old data the return is not corrected for the policy's change.

        Args:
            segment: [B], rows of these trajectories.
            time: [B], step within the segment.
            steps: [B], n >= 1, cut to what is left of the segment.
            gamma: discount factor per step.

        """
        length = self.length[segment]
        steps = torch.minimum(steps, length - time)
        here, there = Rows(segment, time), Rows(segment, time + steps)
        reward = here.of(self.reward)
        longer = (steps > 1).nonzero()[:, 0]  # few, where most goals are relabelled
        if len(longer):
            rows, first, n = segment[longer], time[longer], steps[longer]
            reward.index_add_(0, longer, self._later_reward(rows, first, n, gamma))
        ended = self.terminated[segment] & (there.time == length)
        discount = torch.where(ended, 0.0, gamma ** steps.to(reward.dtype))
        log_prob = here.of(self.log_prob)
        return Transitions(
            observation=here.of(self.observation),
            goal=here.of(self.desired_goal),
            action=here.of(self.action),
            mu=here.of(self.mu),
            sigma=here.of(self.sigma),
            behaviour_log_prob=log_prob,
            proximal_log_prob=log_prob.clone(),
            reward=reward,
            discount=discount,
            next_observation=there.of(self.observation),
            next_goal=there.of(self.desired_goal),
            weight=torch.ones_like(discount),
            relabelled=torch.zeros_like(ended),
            steps=steps,
            log_ratio_rest=torch.zeros_like(discount),
        )

    def _later_reward(self, segment: Tensor, time: Tensor, steps: Tensor, gamma: float) -> Tensor:
        """Sum of gamma^k r_{t+k} over 0 < k < n of transitions [B], [B, R]."""
        ahead = torch.arange(1, int(steps.max()), device=self.device)  # [n-1]
        within = ahead < steps[:, None]
        at = torch.where(within, time[:, None] + ahead, time[:, None])  # written rows only
        weight = torch.where(within, gamma ** ahead.to(self.reward.dtype), 0.0)
        later = self.reward[segment[:, None], at]  # [B, n-1, R]
        return torch.bmm(weight[:, None], later)[:, 0]


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
