"""AWR: regress the policy to its better actions, under goals chosen in hindsight if wanted."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.rule import BaselineAt, Info, Rule, Sample
from bnpo.config import NonNegative, Positive, config

__all__ = ["AWR"]


@config
class AWR(Rule):
    """Advantage-weighted regression (Peng et al. 2019): log π_θ(a|s, g) min(exp(A / β), w_max).

    A = y - Q(s, g, μ_θ, σ_θ), the value of the policy of the moment as this brain climbs it.

    It is supervised learning of actions by weight and corrects no distribution, so samples may be
    old, and goals may be those that the actions reached (with HER: hindsight in the manner of Ghosh
    et al. 2021, weighted by the advantage under that goal). The step is the gradient of a KL to the
    weighted data, not the policy gradient: where the data is another policy's, its fixed point is
    the better half of that data, not the optimum.

    *Differs from the paper*: the value is the shared critic's at the policy; returns are what the
    credit scheme assigns.
    """

    pathwise: ClassVar[bool] = False
    weighs_ratio: ClassVar[bool | None] = False
    corrects_behaviour: ClassVar[bool | None] = True
    allows_hindsight: ClassVar[bool | None] = True

    beta: Positive = 1.0
    """Temperature β, in units of the return, or of the advantages' spread if normalised."""

    max_weight: Positive = 20.0
    """Upper bound w_max of the weight."""

    baseline: BaselineAt = "current"
    """Where Q is the baseline: at the distribution that acted (with the recorded goal alone) or at
    the one being trained."""

    normalize_advantage: bool = True
    """Scale the advantages of a minibatch to zero mean and unit variance."""

    entropy: Entropy = 0.0
    """Weight of the policy's entropy, or an EntropyBonus."""

    value_coefficient: NonNegative = 1.0
    """Weight of the value loss: a multiple of the critic's learning rate."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return the weighted log density of each sample's action, [B]."""
        advantage = sample.advantage(self.baseline, normalize=self.normalize_advantage)
        weight = (advantage / self.beta).clamp(max=math.log(self.max_weight)).exp()
        value = sample.batch.weight * weight * sample.log_prob()
        return value, {"weight": weight.mean(), "sigma": sample.sigma.detach().mean()}
