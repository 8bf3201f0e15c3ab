"""A minibatch on its way through a learning step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bnpo.networks import PolicyOutput, gaussian
from bnpo.types import Transitions

__all__ = ["Minibatch", "PolicyOutput", "standard_normal"]


def standard_normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw standard normal numbers of a tensor's shape from a generator."""
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)


@dataclass(kw_only=True, slots=True)
class Minibatch:
    """Transitions of one gradient step, and what the step works out about them."""

    batch: Transitions
    """What was stored and credited"""

    features: Tensor
    """[B, F], of observations and goals"""

    td_target: Tensor
    """[B, R], y, without gradient"""

    baseline: Tensor
    """[B], Q(s, g, mu_b, sigma_b) summed over reward components; empty on a pathwise brain"""

    weight: Tensor | None
    """[B], importance weights of the sampler; None: one for all"""

    resampled: bool
    """Whether it was drawn by importance resampling"""

    number: int
    """Gradient steps that the brain took before"""

    look: Callable[[Tensor], PolicyOutput]
    """Forward pass of the actor, as its step needs it"""

    generator: torch.Generator
    """The brain's own"""

    _noise: Tensor | None = field(default=None, init=False)
    _policy: PolicyOutput | None = field(default=None, init=False)
    _log_ratio: Tensor | None = field(default=None, init=False)

    @property
    def policy(self) -> PolicyOutput:
        """Output of the actor before its step, computed once."""
        if self._policy is None:
            self._policy = self.look(self.features)
        return self._policy

    def noise(self) -> Tensor:
        """Standard normal numbers [B, A], drawn once, so that every look sees the same actions."""
        if self._noise is None:
            self._noise = standard_normal(self.batch.action, self.generator)
        return self._noise

    @property
    def log_ratio(self) -> Tensor:
        """Log π_θ/π_b of the stored actions before the actor's step, [B], without gradient."""
        if self._log_ratio is None:
            mu, sigma, _ = self.policy
            log_prob = gaussian.log_prob(self.batch.action, mu.detach(), sigma.detach())
            self._log_ratio = log_prob - self.batch.behaviour_log_prob
        return self._log_ratio
