"""Bounds of a brain's turn: how far it moves the policy, and that all its numbers are finite."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bnpo.brains import GradientStep, LearningStep, Networks
from bnpo.errors import Diverged
from bnpo.networks import gaussian
from bnpo.replay import SegmentTable

__all__ = ["TrustRegion", "gradient_norms", "require_finite_turn"]

STATES = 256
"""Number of states of the newest segments at which the policies before and after are compared."""

_HALVINGS = 10
"""Number of halvings in the search for the share of a turn that its budget allows."""


class TrustRegion:
    """Measures the mean KL(before || now) of a brain's turn, and takes back what passes a budget.

    The actor that has used up its budget is held for the rest of the turn, in which the critic goes
    on learning.
    """

    def __init__(self, step: LearningStep, budget: float | None) -> None:
        """Measure and bound what a brain's learning step does to the policy.

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
        networks = self.step.networks
        self._before = networks.actor(networks.encoder(self._observation, self._goal))
        if self.budget is not None:
            self._parameters = [p.detach().clone() for p in networks.actor.parameters()]

    @torch.no_grad()
    def moved(self) -> Tensor:
        """Return the mean divergence KL(before || now) of this turn so far, [] (nats)."""
        assert self._before is not None, "begin() comes first"
        networks = self.step.networks
        now = networks.actor(networks.encoder(self._observation, self._goal))
        return gaussian.kl_divergence(*self._before, *now).mean()

    @torch.no_grad()
    def hold(self, budget: float) -> None:
        """Take the actor back to where its share of the budget ends if it went further; hold it."""
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
        """Move the actor to a share of the way from the turn's start to the parameters ahead."""
        parameters = [p.data for p in self.step.networks.actor.parameters()]
        torch._foreach_copy_(parameters, torch._foreach_lerp(self._parameters, ahead, share))


def require_finite_turn(
    brain: str, scalars: Mapping[str, float], networks: Networks, env_steps: int
) -> None:
    """Check that the scalars of a brain's turn and the parameters that it trains are finite.

    Raises:
        Diverged: naming the brain, the scalar or the parameter, and the step.

    """
    for quantity, value in scalars.items():
        if not math.isfinite(value):
            raise Diverged(f"brain {brain!r}: {quantity} = {value} at environment step {env_steps}")
    trained: dict[str, nn.Module] = {
        "actor": networks.actor,
        "critic": networks.critic,
        "encoder": networks.encoder,
    }
    parameters = [p.detach() for network in trained.values() for p in network.parameters()]
    if bool(torch.stack(torch._foreach_norm(parameters)).isfinite().all()):
        return
    for title, network in trained.items():
        for name, parameter in network.named_parameters():
            finite = parameter.detach().isfinite()
            if not bool(finite.all()):
                value = float(parameter.detach()[~finite].flatten()[0])
                raise Diverged(
                    f"brain {brain!r}: parameter {title}.{name} = {value} at environment step "
                    f"{env_steps}; lower lr_actor or lr_critic, or set agent.clip_norm"
                )


def gradient_norms(brain: LearningStep) -> dict[str, Tensor]:
    """Return the norms of the gradients of a brain's last step, where its optimizers leave any."""
    norms: dict[str, Tensor] = {}
    critic, actor = brain.networks.critic.parameters(), brain.networks.actor.parameters()
    members = [("critic_gradient_norm", critic)]
    if isinstance(brain.actor_step.optimizer, GradientStep):  # a natural step goes another way
        members.append(("actor_gradient_norm", actor))
    for name, parameters in members:
        gradients = [p.grad for p in parameters if p.grad is not None]
        if gradients:
            norms[name] = torch.stack(torch._foreach_norm(gradients)).norm()
    return norms
