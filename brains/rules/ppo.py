"""PPO: smooth the shared actor on freshly sampled trajectories."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.losses import clip_fraction, clipped_surrogate
from bnpo.brains.rule import BaselineAt, Info, Rule, Sample
from bnpo.config import NonNegative, Positive, config

__all__ = ["PPO"]


@config
class PPO(Rule):
    """Clipped surrogate (Schulman et al. 2017), with Q(s, g, mu, sigma) as the baseline.

    min(ρ A, clip(ρ, 1-ε, 1+ε) A) + c H(π_θ),  ρ = π_θ / π_proximal,  A = y - Q(s, g, μ, σ)

    A is worked out anew in every minibatch, by the critic of the moment, as in the article; worked
    out once for all epochs, as Schulman et al. have it, it did worse on four of four seeds.
    """

    pathwise: ClassVar[bool] = False

    eps: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Clip range ε of the ratio."""

    baseline: BaselineAt = "behaviour"
    """Where Q is the baseline: at the distribution that acted or at the one being trained."""

    normalize_advantage: bool = True
    """Scale the advantages of a minibatch to zero mean and unit variance."""

    entropy: Entropy = 0.0
    """Weight c of the policy's entropy, or an EntropyBonus."""

    value_coefficient: NonNegative = 1.0
    """Weight of the value loss: a multiple of the critic's learning rate."""

    decouple: Positive | None = None
    """Weight each sample by pi_proximal / pi_behaviour, truncated at this: for samples that the
    proximal policy did not draw (Hilton, Cobbe and Schulman 2022); None: no weight."""

    target_kl: Positive | None = None
    """End the brain's turn once the mean KL to the proximal policy passes this."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return the clipped surrogate of each sample, [B]; the brain adds the entropy."""
        advantage = sample.advantage(self.baseline, normalize=self.normalize_advantage)
        log_ratio = sample.log_ratio()
        value = sample.batch.weight * clipped_surrogate(log_ratio, advantage, self.eps)
        if self.decouple is not None:
            value = value * sample.off_policy_weight(self.decouple)
        log_rho = log_ratio.detach()
        info = {
            "clip_fraction": clip_fraction(log_ratio, self.eps),
            "approximate_kl": (log_rho.exp() - 1 - log_rho).mean(),
        }
        return value, info
