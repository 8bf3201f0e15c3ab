"""The trust region of a turn: how far a brain moves the policy, and the bound on it."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.brains import LearningStep
from bnpo.networks import gaussian
from bnpo.replay import SegmentTable

__all__ = ["TrustRegion"]

STATES = 256
"""States of the newest segments at which the policies before and after are compared."""

_HALVINGS = 10
"""Halvings of the interval in which the share of a turn is searched that the budget allows."""


class TrustRegion:
    """Measures the mean KL(before || now) of a brain's turn, and takes back what passes a budget.

    The actor that has used up its budget is held for the rest of the turn, in which the critic goes
    on learning.
    """

    def __init__(self, step: LearningStep, budget: float | None) -> None:
        """Watch a brain's learning step.

        Args:
            step: moves the actor
            budget: bound on the KL of a turn (nats); None: none

        """
        self.step = step
        self.budget = budget
        self._share = 1.0
        self._observation = self._goal = torch.empty(0)
        self._before: tuple[Tensor, Tensor] | None = None
        self._parameters: list[Tensor] = []

    @torch.no_grad()
    def begin(self, table: SegmentTable, env_steps: int, share: float = 1.0) -> None:
        """Remember the policy at states of the newest segments.

        Args:
            table: the shared replay
            env_steps: environment steps so far, which seed the choice of states
            share: of the budget that this turn may use

        """
        self.step.holds_actor = False
        self._share = share
        generator = torch.Generator(table.device).manual_seed(env_steps)
        segment, time = table.draw(STATES, 2 * STATES, generator)
        rows = table.trajectories
        self._observation, self._goal = (
            rows.observation[segment, time],
            rows.desired_goal[segment, time],
        )
        self._before = self._policy()
        if self.budget is not None:
            actor = self.step.networks.actor
            self._parameters = [p.detach().clone() for p in actor.parameters()]

    @torch.no_grad()
    def moved(self) -> Tensor:
        """Mean KL(before || now), []."""
        assert self._before is not None, "begin() comes first"
        return gaussian.kl_divergence(*self._before, *self._policy()).mean()

    @torch.no_grad()
    def hold(self, budget: float) -> None:
        """Take the turn back to its share of the budget where it has passed it; hold the actor."""
        if self.step.holds_actor:
            return
        budget *= self._share
        if float(self.moved()) <= budget:
            return
        actor = self.step.networks.actor
        ahead = [p.detach().clone() for p in actor.parameters()]
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            self._place(ahead, middle)
            low, high = (middle, high) if float(self.moved()) <= budget else (low, middle)
        self._place(ahead, low)
        self.step.holds_actor = True

    def _place(self, ahead: list[Tensor], share: float) -> None:
        """Put the actor at a share of the way from the turn's beginning."""
        parameters = [p.data for p in self.step.networks.actor.parameters()]
        torch._foreach_copy_(parameters, torch._foreach_lerp(self._parameters, ahead, share))

    def _policy(self) -> tuple[Tensor, Tensor]:
        networks = self.step.networks
        policy: tuple[Tensor, Tensor] = networks.actor(
            networks.encoder(self._observation, self._goal)
        )
        return policy
