"""The sample floor: what happens to the actor's step when too few samples of a minibatch count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from bnpo.brains.losses import effective_sample_size
from bnpo.brains.rule import Info
from bnpo.brains.steps.actor import ActorStepping, Objective
from bnpo.brains.steps.minibatch import Minibatch

__all__ = ["SampleFloor"]


class SampleFloor:
    """Actor's step that is held back where too small a share of the minibatch counts."""

    def __init__(
        self,
        step: ActorStepping,
        parameters: Sequence[nn.Parameter],
        floor: float,
        action: Literal["skip", "shrink"],
    ) -> None:
        """Hold a step back.

        Args:
            step: the step
            parameters: what it moves
            floor: share of the minibatch that must count, in [0, 1]
            action: leave the step out, or go share / floor of its way

        """
        self.step = step
        self.optimizer, self.look = step.optimizer, step.look
        self.parameters = parameters
        self.floor = floor
        self.action = action

    def scale(self, log_ratio: Tensor) -> float:
        """Return the share of the actor's step to take, in [0, 1], by log ratios [B]."""
        share = float(effective_sample_size(log_ratio)) / len(log_ratio)
        if share >= self.floor:
            return 1.0
        return 0.0 if self.action == "skip" else share / self.floor

    def __call__(self, minibatch: Minibatch, objective: Objective) -> Info:
        """Take as much of the step as its samples allow.

        A shrunk step is taken whole and then taken back in part, so that it is smaller whatever
        the optimizer; what the optimizer remembers is that of the whole step.
        """
        log_ratio = minibatch.log_ratio
        scale = self.scale(log_ratio)
        before = [p.detach().clone() for p in self.parameters] if 0.0 < scale < 1.0 else []
        info = self.step(minibatch, objective) if scale > 0.0 else {}
        if before:
            torch._foreach_lerp_([p.data for p in self.parameters], before, 1.0 - scale)
        return info | {"actor_step_scale": log_ratio.new_tensor(scale)}
