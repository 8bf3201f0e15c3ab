"""How the actor takes a step along an objective: an Adam step, or a natural-gradient step.

Both take the same two functions, so that any rule may be given to either: PPO's surrogate handed
to the natural step is TRPO, the pathwise objective handed to it is the N of BNPO.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bnpo.brains.rule import Info

__all__ = ["ActorStep", "GradientStep", "apply_gradients"]

Objective = Callable[[], Tensor]
"""Mean objective of a minibatch at the parameters of the moment, a scalar with gradient."""

Policy = Callable[[], tuple[Tensor, Tensor]]
"""(mu, sigma), both [B, A], of the minibatch at the parameters of the moment."""


class ActorStep(Protocol):
    """Moves the actor's parameters so that an objective grows."""

    def ascend(self, objective: Objective, policy: Policy) -> Info:
        """Take one step; return scalars for the log."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides the next step."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""


def apply_gradients(
    loss: Tensor,
    parameters: Sequence[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    clip_norm: float | None,
) -> Tensor | None:
    """Descend along a scalar loss; only these parameters get gradients.

    Returns the norm of the gradient before clipping, or None where it was not asked for.
    """
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    norm = nn.utils.clip_grad_norm_(parameters, clip_norm) if clip_norm is not None else None
    optimizer.step()
    return norm


class GradientStep:
    """One Adam step (Kingma and Ba 2015)."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], lr: float, clip_norm: float | None = None
    ) -> None:
        """Step on these parameters.

        Args:
            parameters: what to move
            lr: learning rate
            clip_norm: bound on the gradient's norm

        """
        self.parameters = [p for p in parameters if p.requires_grad]
        self.clip_norm = clip_norm
        self.optimizer = torch.optim.Adam(self.parameters, lr=lr, fused=True)

    def ascend(self, objective: Objective, policy: Policy) -> Info:
        """Take one Adam step up the objective."""
        norm = apply_gradients(-objective(), self.parameters, self.optimizer, self.clip_norm)
        return {} if norm is None else {"actor_gradient_norm": norm}

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments and step count."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from saved moments."""
        self.optimizer.load_state_dict(state)
