"""PPO: smooth the shared actor on freshly sampled trajectories."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from bnpo.brains.losses import clip_fraction, clipped_surrogate
from bnpo.brains.rule import Info, Sample
from bnpo.config import NonNegative, Positive, config
from bnpo.networks import gaussian

__all__ = ["PPO"]


@config
class PPO:
    """Clipped surrogate (Schulman et al. 2017), with Q(s, g, mu, sigma) as the baseline.

    min(ρ A, clip(ρ, 1-ε, 1+ε) A) + c H(π_θ),  ρ = π_θ / π_proximal,  A = y - Q(s, g, μ, σ)
    """

    pathwise: ClassVar[bool] = False

    eps: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Clip range ε of the ratio."""

    baseline: Literal["behaviour", "current"] = "behaviour"
    """Where Q is the baseline: at the distribution that acted or at the one being trained."""

    normalize_advantage: bool = True
    """Scale the advantages of a minibatch to zero mean and unit variance."""

    entropy: NonNegative = 0.0
    """Weight c of the policy's entropy."""

    decouple: Positive | None = None
    """Weight each sample by pi_proximal / pi_behaviour, truncated at this: for samples that the
    proximal policy did not draw (Hilton, Cobbe and Schulman 2022); None: no weight."""

    target_kl: Positive | None = None
    """End the brain's turn once the mean KL to the proximal policy passes this."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return the clipped surrogate of each sample, [B]."""
        advantage = self._advantage(sample)
        log_ratio = sample.log_ratio()
        value = sample.batch.weight * clipped_surrogate(log_ratio, advantage, self.eps)
        if self.decouple is not None:
            batch = sample.batch
            off_policy = batch.proximal_log_prob - batch.behaviour_log_prob
            value = value * off_policy.clamp(max=math.log(self.decouple)).exp()
        if self.entropy:
            value = value + self.entropy * gaussian.entropy(sample.sigma)
        log_rho = log_ratio.detach()
        info = {
            "clip_fraction": clip_fraction(log_ratio, self.eps),
            "approximate_kl": (log_rho.exp() - 1 - log_rho).mean(),
        }
        return value, info

    def _advantage(self, sample: Sample) -> Tensor:
        if self.baseline == "current":
            baseline = sample.climb(sample.mu.detach(), sample.sigma.detach()).detach()
        else:
            baseline = sample.baseline
        advantage = sample.td_target - baseline
        if self.normalize_advantage and len(advantage) > 1:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
        return advantage
