"""Contracts: what a credit scheme is, and what it may ask of the agent."""

from __future__ import annotations

import contextlib
import types
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from bnpo.types.trajectories import Trajectories
from bnpo.types.transitions import Transitions

__all__ = ["CreditScheme", "Evaluator", "adopted", "log_ratios"]


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

    def entropy_bonus(self, observation: Tensor, goal: Tensor) -> Tensor:
        """C H(pi(s, g)) as it enters the brain's TD targets, [B]; 0 where it does not."""

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of actions under the learning policy, [B], without gradient."""

    def reward(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        """Reward of the task for goals [B, G], [B, R].

        The third argument, here and below: ``*trajectories.info_at(segment, time)``.
        """

    def terminated(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        """Whether achieving goals [B, G] is terminal by the task, booleans [B]."""

    def truncated(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        """Whether achieving goals [B, G] cuts the episode by the task, booleans [B]."""


def log_ratios(trajectories: Trajectories, evaluator: Evaluator) -> Tensor:
    """Log importance ratio log π(a|s, g) - log π_b(a|s, g) of every step, [S, T].

    Zero at and beyond a trajectory's length.

    Args:
        trajectories: [S] segments
        evaluator: answers with the density of the learning policy π

    """
    action = trajectories.action
    log_prob = evaluator.log_prob(
        trajectories.observation[:, :-1].flatten(0, 1),
        trajectories.desired_goal[:, :-1].flatten(0, 1),
        action.flatten(0, 1),
    ).reshape(action.shape[:2])
    written = torch.arange(action.shape[1], device=action.device) < trajectories.length[:, None]
    return torch.where(written, log_prob - trajectories.log_prob, 0.0)


class CreditScheme(ABC):
    """Turns stored trajectories into transitions with credit, and all that may be asked of it.

    Every trait has a safe default, so that an own scheme is a class with ``assign``.
    """

    relabels: ClassVar[bool] = False
    """Whether goals are chosen because of the outcome: refused on a likelihood-ratio brain."""

    needs_goals: ClassVar[bool] = False
    """Whether the scheme works on goal environments alone."""

    sets_proximal: ClassVar[bool] = False
    """Whether ``assign`` fills ``proximal_log_prob``; else the framework does."""

    @property
    def wants_whole_episodes(self) -> bool:
        """Whether what it is called is true only where a segment is a whole episode."""
        return False

    def corrected(self) -> CreditScheme:
        """Return the scheme for a likelihood-ratio rule that is given what other policies did.

        By default the scheme itself: its returns stay those of the policies that acted.
        """
        return self

    @abstractmethod
    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign credit to the transitions at (segment, time), both [B], of the trajectories.

        The trajectories are the stored ones: a scheme reads them and never writes to them.
        """


def adopted(value: Any, base: type[Any], *needed: str) -> Any:
    """Return an object as an instance of a contract's base, whose defaults fill what it lacks.

    A class that does not inherit from the base, in a notebook say, needs no import: its object is
    given a class of the same name that does. What lacks a needed name stays as it is.

    Args:
        value: an object
        base: :class:`CreditScheme` or :class:`bnpo.brains.Rule`
        needed: names without which it is no object of the kind

    """
    if isinstance(value, base) or not all(hasattr(value, name) for name in needed):
        return value
    own = type(value)
    kind = types.new_class(own.__name__, (own, base))
    kind.__module__, kind.__qualname__ = own.__module__, own.__qualname__
    kind.__doc__ = own.__doc__
    with contextlib.suppress(TypeError):  # a class with slots has no room for another base
        object.__setattr__(value, "__class__", kind)
    return value
