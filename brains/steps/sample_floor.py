"""What happens to the actor's step when too few samples of a minibatch count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from bnpo.brains.rule import Info

__all__ = ["SampleFloor", "effective_share"]


def effective_share(log_ratio: Tensor) -> Tensor:
    """Effective sample size per sample, (Σ ρ)² / (B Σ ρ²) of log ratios [B], []; at most 1."""
    return 1.0 / (len(log_ratio) * log_ratio.softmax(0).square().sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleFloor:
    """Holds the actor's step back where the effective share of a minibatch is below a floor."""

    floor: float
    """Share of the minibatch that must count, in [0, 1]"""

    action: Literal["skip", "shrink"]
    """Leave the step out, or go share / floor of its way"""

    def scale(self, log_ratio: Tensor) -> float:
        """How much of the actor's step is taken, in [0, 1], by log π_θ/π_b [B]."""
        share = float(effective_share(log_ratio))
        if share >= self.floor:
            return 1.0
        return 0.0 if self.action == "skip" else share / self.floor

    def hold(
        self, log_ratio: Tensor, parameters: Sequence[nn.Parameter], step: Callable[[], Info]
    ) -> Info:
        """Take as much of a step of these parameters as its samples [B] allow.

        A shrunk step is taken whole and then taken back in part, so that it is smaller whatever
        the optimizer; what the optimizer remembers is that of the whole step.
        """
        scale = self.scale(log_ratio)
        before = [p.detach().clone() for p in parameters] if 0.0 < scale < 1.0 else []
        info = step() if scale > 0.0 else {}
        if before:
            torch._foreach_lerp_([p.data for p in parameters], before, 1.0 - scale)
        return info | {"actor_step_scale": log_ratio.new_tensor(scale)}
