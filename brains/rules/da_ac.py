"""DA-AC: a deterministic policy gradient whose actions are distributions."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.rule import Info, Rule, Sample
from bnpo.config import config

__all__ = ["DAAC"]


@config
class DAAC(Rule):
    """Distributions-as-actions actor-critic (He, Mahmood and White 2026, arXiv:2506.16608).

    Q(s, g, μ_θ, σ_θ), climbed along both;  y = r + γ min_i Q'_i(s', g', μ', σ');
    Q regressed at (w μ_b + (1-w) a, w σ_b), w ~ U[0, 1] (interpolated critic learning): between the
    distribution that acted and the action that came of it.

    It is TD3 without the smoothing of targets, in the space of distributions: take two critics and
    their minimum (``networks.critics=2``, ``reduce="min"``) and ``actor_delay=2``. DDPG in this
    framework has the same objective and regresses Q at (μ_b, σ_b) alone.

    *Differs from the paper*: the Normal's mean is bounded by tanh and its scale by the network's
    settings; the actor climbs the minimum of the critics, not the first.
    """

    pathwise: ClassVar[bool] = True
    regress_at = ("interpolate",)
    """Where the critic must be regressed: between the distribution that acted and its action."""

    entropy: Entropy = 0.0
    """Weight of the policy's entropy, or an EntropyBonus."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return Q at the policy's distribution in each state, [B]."""
        q_value = sample.climb(sample.mu, sample.sigma)
        info = {"q_value": q_value.detach().mean(), "sigma": sample.sigma.detach().mean()}
        return q_value, info
