"""TRPO: the surrogate under a bound on the mean KL."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.options import Natural, NaturalGradient
from bnpo.brains.rule import BaselineAt, Info, Rule, Sample
from bnpo.config import NonNegative, Positive, config

__all__ = ["TRPO"]


@config
class TRPO(Rule):
    """Maximise ρ A subject to mean KL(π_old || π_θ) <= δ (Schulman et al. 2015).

    PPO's surrogate without its clip, handed to the natural-gradient step: conjugate gradient on
    Fisher-vector products, then a line search on objective and KL. The soft form L - C KL is
    :class:`bnpo.brains.rules.ppo_kl.PPOKL` with a fixed β. Give it whole rollouts as minibatches; δ
    bounds one gradient step, so a turn of several may move further.
    """

    pathwise: ClassVar[bool] = False

    natural: Natural = NaturalGradient()
    """Options of the step: δ, damping, iterations, line search."""

    baseline: BaselineAt = "behaviour"
    """Where Q is the baseline: at the distribution that acted or at the one being trained."""

    normalize_advantage: bool = True
    """Scale the advantages of a minibatch to zero mean and unit variance."""

    entropy: Entropy = 0.0
    """Weight of the policy's entropy, or an EntropyBonus."""

    value_coefficient: NonNegative = 1.0
    """Weight of the value loss: a multiple of the critic's learning rate."""

    decouple: Positive | None = None
    """Truncated weight pi_proximal / pi_behaviour, as in PPO; None: no weight."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return the surrogate of each sample, [B]."""
        advantage = sample.advantage(self.baseline, normalize=self.normalize_advantage)
        value = sample.batch.weight * sample.log_ratio().exp() * advantage
        if self.decouple is not None:
            value = value * sample.off_policy_weight(self.decouple)
        return value, {"surrogate": value.detach().mean()}
