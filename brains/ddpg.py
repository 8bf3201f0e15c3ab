"""DDPG: climb the critic along the actor's output."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from bnpo.brains.rule import Info, Sample
from bnpo.config import NonNegative, config
from bnpo.networks import gaussian

__all__ = ["DDPG"]


@config
class DDPG:
    """Pathwise gradient in the space of distributions.

    Q(s, g, μ_θ, σ_θ) - c₂ z² + c H(π_θ), z the output before tanh (Lillicrap et al. 2016; the
    article's E[Q(s, μ, σ)]; c₂ as in Andrychowicz et al. 2017).
    """

    pathwise: ClassVar[bool] = True

    mean_only: bool = False
    """No gradient through σ inside Q."""

    clip: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Weight each sample by its detached ratio, clipped to [1-ε, 1+ε]; None: no weight."""

    action_l2: NonNegative = 0.0
    """Weight c₂ of the squared output before tanh, against saturation."""

    entropy: NonNegative = 0.0
    """Weight c of the policy's entropy."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return Q at the policy's output, for each sample [B]."""
        sigma = sample.sigma.detach() if self.mean_only else sample.sigma
        q_value = sample.climb(sample.mu, sigma)
        value = q_value
        if self.clip is not None:
            ratio = sample.log_ratio().detach().exp()
            value = value * ratio.clamp(1 - self.clip, 1 + self.clip)
        if self.action_l2:
            value = value - self.action_l2 * sample.raw.square().mean(-1)
        if self.entropy:
            value = value + self.entropy * gaussian.entropy(sample.sigma)
        return value, {"q_value": q_value.detach().mean()}
