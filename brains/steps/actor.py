"""The actor's step: up the objective that a rule makes of a minibatch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from bnpo.brains.rule import Info
from bnpo.brains.steps.minibatch import Minibatch, PolicyOutput
from bnpo.brains.steps.optimizers import ActorOptimizer
from bnpo.networks import Actor

__all__ = ["ActorStep", "ActorStepping", "Delayed", "Objective"]

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
