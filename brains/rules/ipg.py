"""IPG: one step along both gradients, the likelihood ratio's and the pathwise one."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.losses import clip_fraction, clipped_surrogate
from bnpo.brains.rule import Info, Rule, Sample
from bnpo.config import Fraction, NonNegative, Positive, config

__all__ = ["IPG"]


@config
class IPG(Rule):
    """Interpolated policy gradient (Gu et al. 2017).

    (1-ν) clipped(ρ, (A - A_w) / s) + k Q(s, g, a_θ, 0) / s,  a_θ = clip(μ_θ + σ_θ ε),
    A = y - Q(s, g, μ_b, σ_b),  A_w = Q(s, g, a, 0) - Q(s, g, μ_b, σ_b),  s the spread of A.

    With the control variate k = 1: what A_w takes from the likelihood ratio comes back by
    reparameterisation, so at ν = 0 and ρ = 1 the gradient has the expectation of the policy
    gradient whatever the critic says. Without it A_w = 0 and k = ν. At ν = 1 it is pathwise alone.
    With ``doubt`` ν is each sample's own, ν / (1 + doubt d / s), d the spread of the critic's
    members at its action, so that the critic counts where its members agree.

    The critic has to be known at single actions and at the distributions of the policy, so it is
    regressed between them.

    *Differs from the paper*: a clipped surrogate over several epochs instead of one trust-region
    step; both gradients are taken on the same fresh states.
    """

    pathwise: ClassVar[bool] = False
    regress_at = ("interpolate", "point")
    """Where the critic may be regressed: it must value single actions, too."""

    nu: Fraction = 0.2
    """Share ν of the pathwise gradient."""

    control_variate: bool = True
    """Whether the critic's advantage is taken off the likelihood ratio's."""

    doubt: NonNegative = 0.0
    """How fast ν falls with the disagreement of the critic's members; 0: it does not."""

    eps: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Clip range ε of the ratio."""

    entropy: Entropy = 0.0
    """Weight of the policy's entropy, or an EntropyBonus."""

    value_coefficient: NonNegative = 1.0
    """Weight of the value loss: a multiple of the critic's learning rate."""

    target_kl: Positive | None = None
    """End the brain's turn once the mean KL to the proximal policy passes this."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return the interpolated surrogate of each sample, [B]."""
        advantage = sample.advantage()
        scale = advantage.std(correction=0) + 1e-6
        still = torch.zeros_like(sample.played)
        members = sample.climb_members(sample.played, still).detach()  # [E, B]
        nu = self.nu / (1.0 + self.doubt * members.std(0, correction=0) / scale)
        of_critic = sample.climb(sample.played, still).detach() - sample.baseline
        rest = advantage - of_critic if self.control_variate else advantage
        log_ratio = sample.log_ratio()
        likelihood = sample.batch.weight * clipped_surrogate(log_ratio, rest / scale, self.eps)
        pathwise = sample.climb(sample.drawn(), still) / scale
        share = torch.ones_like(nu) if self.control_variate else nu
        log_rho = log_ratio.detach()
        return (1.0 - nu) * likelihood + share * pathwise, {
            "nu": nu.mean(),
            "explained": 1.0 - rest.var(correction=0) / scale.square(),
            "clip_fraction": clip_fraction(log_ratio, self.eps),
            "approximate_kl": (log_rho.exp() - 1 - log_rho).mean(),
        }
