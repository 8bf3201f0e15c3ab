"""Minibatches: several that were drawn at once, and the one of a learning step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from bnpo.networks import PolicyOutput, gaussian
from bnpo.types import Transitions

__all__ = ["Draw", "Minibatch", "PolicyOutput", "standard_normal"]


def standard_normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw standard normal numbers of a tensor's shape from a generator."""
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)


class Draw(NamedTuple):
    """Minibatches that were drawn at once."""

    batch: Transitions
    """[N], transitions that are learnt from"""

    slots: Tensor | None
    """[N], slots of the pool that get new priorities; None if the batch is not of the pool"""

    weight: Tensor | None
    """[N], importance weights of the sampler; None if all are 1"""

    size: int
    """Rows of a minibatch"""

    first: int = 0
    """Row with which the first minibatch begins"""

    steps: int = 1
    """How many minibatches it is"""

    order: Tensor | None = None
    """[M], rows of the batch in the order of the minibatches; None: one after the other"""

    def minibatch(self, number: int) -> Draw:
        """Return one of the minibatches; one that reaches the end goes on at the beginning."""
        batch, slots, weight, size, *_, order = self
        length = len(batch) if order is None else len(order)
        if order is None and self.steps == 1 and size == length:
            return self
        start = (self.first + number * size) % length
        rows: slice | Tensor = slice(start, start + size)
        if start + size > length:
            rows = torch.arange(start, start + size, device=batch.device) % length
        if order is not None:
            rows = order[rows]
        return Draw(
            batch[rows],
            None if slots is None else slots[rows],
            None if weight is None else weight[rows],
            size,
        )


@dataclass(kw_only=True, slots=True)
class Minibatch:
    """Transitions of one gradient step, and what the step works out about them."""

    batch: Transitions
    """The stored transitions with their credit"""

    features: Tensor
    """[B, F], of observations and goals"""

    td_target: Tensor
    """[B, R], y, without gradient"""

    baseline: Tensor
    """[B], Q(s, g, mu_b, sigma_b) summed over reward components; empty on a pathwise brain"""

    weight: Tensor | None
    """[B], importance weights of the sampler; None if all are 1"""

    resampled: bool
    """Whether it was drawn by importance resampling"""

    number: int
    """Number of gradient steps that the brain took before"""

    look: Callable[[Tensor], PolicyOutput]
    """Forward pass of the actor, as its step needs it"""

    generator: torch.Generator
    """The brain's own source of random numbers"""

    _noise: Tensor | None = field(default=None, init=False)
    _policy: PolicyOutput | None = field(default=None, init=False)
    _log_ratio: Tensor | None = field(default=None, init=False)

    @property
    def policy(self) -> PolicyOutput:
        """The actor's output before its step, computed once."""
        if self._policy is None:
            self._policy = self.look(self.features)
        return self._policy

    def noise(self) -> Tensor:
        """Return standard normal numbers [B, A], the same at every call, so that actions agree."""
        if self._noise is None:
            self._noise = standard_normal(self.batch.action, self.generator)
        return self._noise

    @property
    def log_ratio(self) -> Tensor:
        """Log ratio log π_θ/π_b of the stored actions before the actor's step, [B], no gradient."""
        if self._log_ratio is None:
            mu, sigma, _ = self.policy
            log_prob = gaussian.log_prob(self.batch.action, mu.detach(), sigma.detach())
            self._log_ratio = log_prob - self.batch.behaviour_log_prob
        return self._log_ratio
