"""TD3: DDPG with twin critics, smoothed targets and a delayed actor."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.rule import Info, NextPolicy, Rule, Sample
from bnpo.config import NonNegative, config

__all__ = ["TD3"]


@config
class TD3(Rule):
    """Twin delayed deterministic policy gradient (Fujimoto, van Hoof and Meger 2018).

    Q(s, g, μ_θ, 0) - c₂ z²,  z the output before tanh;  y = r + γ min_i Q'_i(s', g', a', 0),
    a' = clip(μ' + clip(ν ε, -b, b)), ε ~ Normal(0, 1), ν and b in units of half the action range.

    Take two critics and their minimum (``networks.critics=2``, ``reduce="min"``), and a delay in
    the brain's own fields: ``actor_delay`` for the actor, ``sync_delta_a`` and ``sync_delta_c`` for
    the targets.

    *Differs from the paper*: the actor climbs the minimum of the critics, not the first. What acts
    is Normal(μ, σ) of the shared actor, whose scale this rule leaves as it is.
    """

    pathwise: ClassVar[bool] = True
    regress_at = ("point",)
    """Where the critic must be regressed: it values single actions."""

    smoothing: NonNegative = 0.2
    """Scale ν of the noise on the target's action, in units of half the action range."""

    smoothing_clip: NonNegative = 0.5
    """Bound b of that noise, in units of half the action range."""

    action_l2: NonNegative = 0.0
    """Weight c₂ of the squared output before tanh, against saturation."""

    entropy: Entropy = 0.0
    """Weight of the policy's entropy, or an EntropyBonus."""

    def bootstrap_point(self, policy: NextPolicy) -> tuple[Tensor, Tensor]:
        """Return the policy's mean action, smoothed by bounded noise."""
        bound = self.smoothing_clip
        noise = (self.smoothing * policy.noise()).clamp(-bound, bound) * policy.half_range
        action = policy.clip(policy.mu + noise)
        return action, torch.zeros_like(action)

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return Q of the mean action in each state, [B]."""
        q_value = sample.climb(sample.mu, torch.zeros_like(sample.mu))
        value = q_value
        if self.action_l2:
            value = value - self.action_l2 * sample.raw.square().mean(-1)
        return value, {"q_value": q_value.detach().mean()}
