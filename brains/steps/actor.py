"""The actor's step up a rule's objective, and the minibatches that both steps take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from bnpo.brains.rule import Info
from bnpo.brains.steps.optimizers import ActorOptimizer
from bnpo.networks import Actor, PolicyOutput, gaussian
from bnpo.types import Transitions

__all__ = [
    "ActorStep",
    "ActorStepping",
    "Delayed",
    "Draw",
    "Minibatch",
    "Objective",
    "standard_normal",
]


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


Objective = Callable[[PolicyOutput], tuple[Tensor, Info]]
"""Function that returns what a policy's output is worth, [B], and scalars for the log."""


class ActorStepping(Protocol):
    """A kind of actor's step; assembly chooses it once, and may put one into another."""

    @property
    def optimizer(self) -> ActorOptimizer:
        """Optimizer that moves the parameters."""

    @property
    def look(self) -> Callable[[Tensor], PolicyOutput]:
        """Forward pass of the actor on features [B, F]; it keeps what the step needs."""

    def __call__(self, minibatch: Minibatch, objective: Objective) -> Info:
        """Take one step up the mean objective; return scalars for the log."""


class ActorStep:
    """Actor's step up any rule's objective, by automatic differentiation."""

    def __init__(self, actor: Actor, optimizer: ActorOptimizer) -> None:
        """Move an actor by an optimizer over its parameters."""
        self.actor, self.look = actor, actor.heads
        self.optimizer = optimizer

    def __call__(self, minibatch: Minibatch, objective: Objective) -> Info:
        """Take one step up the mean objective; return scalars for the log."""
        features = minibatch.features.detach()  # no memory is moved to where Q is large
        pending: list[PolicyOutput] = [minibatch.policy]
        info: Info = {}

        def mean() -> Tensor:
            policy = pending.pop() if pending else self.look(features)
            value, scalars = objective(policy)
            info.update(scalars)
            weight = minibatch.weight
            return (value if weight is None else value * weight).mean()

        return self.optimizer.ascend(mean, lambda: self.actor(features)) | info


class Delayed:
    """Actor's step that is taken at every k-th gradient step alone (delayed policy updates)."""

    def __init__(self, step: ActorStepping, every: int) -> None:
        """Delay a step; a brain's first gradient step takes it."""
        self.step = step
        self.every = every
        self.optimizer, self.look = step.optimizer, step.look

    def __call__(self, minibatch: Minibatch, objective: Objective) -> Info:
        """Take the inner step where it is due."""
        if minibatch.number % self.every:
            return {}
        return self.step(minibatch, objective)
