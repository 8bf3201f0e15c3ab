"""DDPG: climb the critic along the actor's output."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.options import Natural
from bnpo.brains.rule import Info, Rule, Sample
from bnpo.config import NonNegative, config

__all__ = ["DDPG"]


@config
class DDPG(Rule):
    """Pathwise gradient in the space of distributions.

    Q(s, g, μ_θ, σ_θ) - c₂ z² + c H(π_θ), z the output before tanh (Lillicrap et al. 2016; the
    article's E[Q(s, μ, σ)]; c₂ as in Andrychowicz et al. 2017).
    """

    pathwise: ClassVar[bool] = True

    mean_only: bool = False
    """Whether the actor climbs Q by its mean μ alone, without a gradient through σ."""

    clip: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Weight each sample by its detached ratio, clipped to [1-ε, 1+ε]; None: no weight."""

    action_l2: NonNegative = 0.0
    """Weight c₂ of the squared output before tanh, against saturation."""

    entropy: Entropy = 0.0
    """Weight c of the policy's entropy, or an EntropyBonus."""

    natural: Natural | None = None
    """Options of a natural-gradient step (the N of BNPO); None: an Adam step."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return Q at the policy's output of each sample, [B]; the brain adds the entropy."""
        sigma = sample.sigma.detach() if self.mean_only else sample.sigma
        q_value = sample.climb(sample.mu, sigma)
        value = q_value
        if self.clip is not None:
            ratio = sample.log_ratio().detach().exp()
            value = value * ratio.clamp(1 - self.clip, 1 + self.clip)
        if self.action_l2:
            value = value - self.action_l2 * sample.raw.square().mean(-1)
        return value, {"q_value": q_value.detach().mean()}
