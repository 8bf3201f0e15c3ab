"""Finite numbers: what is infinite or not a number ends a run, with its cause."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bnpo.brains import GradientStep, LearningStep, Networks
from bnpo.errors import Diverged

__all__ = ["gradient_norms", "require_finite_turn"]


def require_finite_turn(
    brain: str, scalars: Mapping[str, float], networks: Networks, env_steps: int
) -> None:
    """Let finite scalars of a brain's turn, and finite parameters that it trains, through.

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
    """Norms of the gradients of a brain's last step, where the optimizer leaves them."""
    found: dict[str, Tensor] = {}
    critic, actor = brain.networks.critic.parameters(), brain.networks.actor.parameters()
    members = [("critic_gradient_norm", critic)]
    if isinstance(brain.actor_step.optimizer, GradientStep):  # a natural step goes another way
        members.append(("actor_gradient_norm", actor))
    for name, parameters in members:
        gradients = [p.grad for p in parameters if p.grad is not None]
        if gradients:
            found[name] = torch.stack(torch._foreach_norm(gradients)).norm()
    return found
