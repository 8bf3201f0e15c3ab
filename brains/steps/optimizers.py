"""How parameters move: by a step along an objective, or slowly after another network's.

An Adam step and a natural-gradient step take the same two functions, so that any rule may be given
to either: PPO's surrogate handed to the natural step is TRPO, the pathwise objective handed to it
is the N of BNPO.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from bnpo.brains.rule import Info

__all__ = [
    "ActorOptimizer",
    "Follower",
    "GradientStep",
    "MakeOptimizer",
    "descend",
    "fused_adam",
    "target_of",
]

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)

Objective = Callable[[], Tensor]
"""Mean objective of a minibatch at the parameters of the moment, a scalar with gradient."""

Policy = Callable[[], tuple[Tensor, Tensor]]
"""(mu, sigma), both [B, A], of the minibatch at the parameters of the moment."""


MakeOptimizer = Callable[[Sequence[nn.Parameter], float], torch.optim.Optimizer]
"""Makes an optimizer of parameters and learning rate."""


class ActorOptimizer(Protocol):
    """Moves the actor's parameters so that an objective grows."""

    def ascend(self, objective: Objective, policy: Policy) -> Info:
        """Take one step; return scalars for the log."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides the next step."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""


def fused_adam(parameters: Sequence[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    """Return torch's Adam in one operation per step (Kingma and Ba 2015)."""
    return torch.optim.Adam(parameters, lr=lr, fused=True)


def descend(
    parameters: Sequence[nn.Parameter],
    gradients: Sequence[Tensor | None],
    optimizer: torch.optim.Optimizer,
    clip_norm: float | None,
) -> Tensor | None:
    """Step against gradients; return their norm before clipping, None where it is not bounded."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    norm = nn.utils.clip_grad_norm_(parameters, clip_norm) if clip_norm is not None else None
    optimizer.step()
    return norm


class GradientStep:
    """One Adam step (Kingma and Ba 2015)."""

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        lr: float,
        clip_norm: float | None = None,
        *,
        adam: MakeOptimizer = fused_adam,
    ) -> None:
        """Step on these parameters.

        Args:
            parameters: what to move
            lr: learning rate
            clip_norm: bound on the gradient's norm
            adam: makes the optimizer of parameters and learning rate

        """
        self.parameters = [p for p in parameters if p.requires_grad]
        self.clip_norm = clip_norm
        self.optimizer = adam(self.parameters, lr)

    def ascend(self, objective: Objective, policy: Policy) -> Info:
        """Take one Adam step up the objective."""
        return self.descend(torch.autograd.grad(-objective(), self.parameters, allow_unused=True))

    def descend(self, gradients: Sequence[Tensor | None]) -> Info:
        """Take one Adam step against gradients, one for each parameter."""
        norm = descend(self.parameters, gradients, self.optimizer, self.clip_norm)
        return {} if norm is None else {"actor_gradient_norm": norm}

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments and step count."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from saved moments."""
        self.optimizer.load_state_dict(state)


def target_of(online: AnyNetwork) -> AnyNetwork:
    """Return a slow copy of a network, which never takes gradients."""
    return copy.deepcopy(online).requires_grad_(False)


class Follower:
    """A target network and what it follows: target += tau (online - target)."""

    def __init__(self, target: nn.Module, online: nn.Module, tau: float) -> None:
        """Pair the parameters of two networks of one shape."""
        self.target = [parameter.data for parameter in target.parameters()]
        self.online = [parameter.data for parameter in online.parameters()]
        self.tau = tau

    def sync(self) -> None:
        """Move the target by tau of the way (Polyak averaging)."""
        torch._foreach_lerp_(self.target, self.online, self.tau)
