"""SAC: climb the soft value of reparameterised actions."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bnpo.brains.entropy import Entropy, EntropyBonus
from bnpo.brains.rule import Info, NextPolicy, Rule, Sample
from bnpo.config import config

__all__ = ["SAC"]


@config
class SAC(Rule):
    """Soft actor-critic (Haarnoja et al. 2018, with the entropy tuned as in their second paper).

    Q(s, g, a_θ, 0) + c H(π_θ(·|s, g)),  a_θ = clip(μ_θ + σ_θ ε), ε ~ Normal(0, 1),
    y = r + γ (Q'(s', g', a', 0) + c H(π_θ(·|s', g'))),  a' ~ π_θ(·|s', g').

    The value of one action is that of the point mass, so Q is regressed there. Take two critics and
    their minimum (``networks.critics=2``, ``reduce="min"``).

    *Differs from the paper*: the Normal is not squashed. μ = middle + half_range tanh(z), and an
    action beyond the Box is clipped to it, where Q has no slope; so log π needs no correction and
    its entropy is in closed form instead of sampled. The weight c moves once per turn, or with
    every actor's step where the rule says so, by the same gradient on log c.
    """

    pathwise: ClassVar[bool] = True
    bootstraps_online: ClassVar[bool] = True
    adapts_each_step: ClassVar[bool] = True
    regress_at = ("point",)
    """Where the critic must be regressed: it values single actions."""

    entropy: Entropy = EntropyBonus(coefficient=0.1, target="auto", rate=3e-4, in_target=True)
    """Weight c of the policy's entropy, or an EntropyBonus."""

    def bootstrap_point(self, policy: NextPolicy) -> tuple[Tensor, Tensor]:
        """Return an action of the policy."""
        action = policy.clip(policy.mu + policy.sigma * policy.noise())
        return action, torch.zeros_like(action)

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return Q of an action of the policy in each state, [B]; the brain adds the entropy."""
        action = sample.drawn()
        q_value = sample.climb(action, torch.zeros_like(action))
        return q_value, {"q_value": q_value.detach().mean()}
