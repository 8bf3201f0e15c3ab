"""Protocols: what a credit scheme is, and what it may ask of the agent."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from bnpo.types.trajectories import Trajectories
from bnpo.types.transitions import Transitions

__all__ = ["CreditScheme", "Evaluator"]


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
