"""The vanilla policy gradient and, with an advantage, A2C."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.losses import constant_baseline
from bnpo.brains.options import Natural, Point
from bnpo.brains.rule import Info, Rule, Sample
from bnpo.config import NonNegative, config

__all__ = ["VPG"]


@config
class VPG(Rule):
    """Score-function gradient log π_θ(a|s, g) Φ (Williams 1992; Sutton et al. 2000).

    Φ is made of what the credit scheme assigned, y, and of the critic. On fresh samples of whole
    episodes the first three have the expectation of the policy gradient where γ = 1; the others as
    far as the critic is right. With γ < 1 R(τ) has that of the discounted return, while the rest
    drop the factor γ^t of the step at which an action was taken, as is common: their direction is
    no gradient of any objective (Nota and Thomas 2020). There is no ratio that would correct for
    older samples, so give it one gradient step per rollout.

    ========================  =================  ============
    Φ                         credit             phi
    ========================  =================  ============
    R(τ)                      full_return        return
    reward-to-go              reward_to_go       return
    reward-to-go - baseline   reward_to_go       advantage
    Q(s, g, a)                any                q
    A, by GAE or k steps      gae, n_step        advantage
    ========================  =================  ============
    """

    pathwise: ClassVar[bool] = False
    weighs_ratio: ClassVar[bool | None] = False

    phi: Literal["return", "constant", "advantage", "q"] = "advantage"
    """return: y. constant: y minus the constant baseline of least variance. advantage:
    y - Q(s, g, mu_b, sigma_b). q: the critic's value of the action, Q(s, g, a, 0)."""

    normalize: bool = False
    """Scale Φ of a minibatch to zero mean and unit variance."""

    entropy: Entropy = 0.0
    """Weight of the policy's entropy, or an EntropyBonus."""

    value_coefficient: NonNegative = 1.0
    """Weight of the value loss: a multiple of the critic's learning rate."""

    natural: Natural | None = None
    """Options of a natural-gradient step; backtracks=0 makes it the natural policy gradient."""

    @property
    def regress_at(self) -> tuple[Point, ...]:  # type: ignore[override]
        """Where the critic must be regressed; empty where anywhere will do."""
        return ("interpolate", "point") if self.phi == "q" else ()

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return log π_θ Φ of each sample, [B]."""
        phi = self._phi(sample)
        if self.normalize and len(phi) > 1:
            phi = (phi - phi.mean()) / (phi.std() + 1e-6)
        value = sample.batch.weight * sample.log_prob() * phi
        return value, {"phi": phi.mean(), "phi_scale": phi.square().mean().sqrt()}

    def _phi(self, sample: Sample) -> Tensor:
        if self.phi == "advantage":
            return sample.advantage()
        if self.phi == "q":
            return sample.climb(sample.played, torch.zeros_like(sample.played)).detach()
        y = sample.td_target
        if self.phi == "constant":
            y = y - constant_baseline(y, sample.batch.action, sample.mu, sample.sigma)
        return y
