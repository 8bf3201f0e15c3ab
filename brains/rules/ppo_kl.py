"""PPO with a KL penalty instead of a clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.rule import BaselineAt, Info, Rule, Sample
from bnpo.config import NonNegative, Positive, config

__all__ = ["PPOKL"]

_LOWEST, _HIGHEST = 1e-6, 1e6


@config
class PPOKL(Rule):
    """Penalised surrogate ρ A - β KL(π_b || π_θ) (Schulman et al. 2017, equation 8).

    The KL is in closed form, from the distribution that acted: the one before the turn, where a
    brain learns from its own fresh rollout. With β fixed it is the soft form L - C KL of TRPO;
    with a target, β doubles after a turn that ended above 1.5 times it and halves after one below
    a 1.5th of it.
    """

    pathwise: ClassVar[bool] = False

    beta: NonNegative = 1.0
    """Weight β of the KL; its initial value if it adapts."""

    kl_target: Positive | None = 0.01
    """Mean KL at the end of a turn to which β adapts; None: β stays."""

    baseline: BaselineAt = "behaviour"
    """Where Q is the baseline: at the distribution that acted or at the one being trained."""

    normalize_advantage: bool = True
    """Scale the advantages of a minibatch to zero mean and unit variance."""

    entropy: Entropy = 0.0
    """Weight of the policy's entropy, or an EntropyBonus."""

    value_coefficient: NonNegative = 1.0
    """Weight of the value loss: a multiple of the critic's learning rate."""

    target_kl: Positive | None = None
    """End the brain's turn once the mean KL to the proximal policy passes this."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return the penalised surrogate of each sample, [B]."""
        advantage = sample.advantage(self.baseline, normalize=self.normalize_advantage)
        log_ratio = sample.log_ratio()
        kl = sample.kl_behaviour()
        beta = sample.state.get("beta", self.beta)
        value = sample.batch.weight * log_ratio.exp() * advantage - beta * kl
        log_rho = log_ratio.detach()
        return value, {
            "kl": kl.detach().mean(),
            "approximate_kl": log_rho.expm1().sub(log_rho).mean(),
        }

    def initial_state(self) -> dict[str, float]:
        """Return the initial penalty weight β by name; empty if it is fixed."""
        return {} if self.kl_target is None else {"beta": self.beta}

    def adapt(self, state: Mapping[str, float], info: Mapping[str, float]) -> dict[str, float]:
        """Return the penalty weight β after a turn that moved the policy by ``kl_turn`` nats."""
        beta, kl = state.get("beta", self.beta), info["kl_turn"]
        if self.kl_target is None:
            return {}
        if kl > 1.5 * self.kl_target:
            beta *= 2.0
        elif kl < self.kl_target / 1.5:
            beta /= 2.0
        return {"beta": min(max(beta, _LOWEST), _HIGHEST)}
