"""What a learning rule is: an objective for the actor, one value per sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from bnpo.networks import gaussian
from bnpo.types import Transitions

__all__ = ["Info", "Rule", "Sample"]

Info = dict[str, Tensor]
"""Named scalars for the log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One minibatch as the actor's objective sees it."""

    batch: Transitions
    """What was stored and credited."""

    mu: Tensor
    """[B, A], mean of the policy that is being trained, with gradient"""

    sigma: Tensor
    """[B, A], its scale, with gradient"""

    raw: Tensor
    """[B, A], the actor's output before tanh, with gradient"""

    td_target: Tensor
    """[B], y summed over reward components, without gradient"""

    baseline: Tensor
    """[B], Q(s, g, mu_b, sigma_b) summed over reward components, without gradient;
    empty on a pathwise brain, which needs none"""

    climb: Callable[[Tensor, Tensor], Tensor]
    """Q of the online critic at (mu, sigma), both [B, A], as the brain climbs it, [B]"""

    max_log_ratio: float
    """Bound on |log rho|."""

    def log_prob(self) -> Tensor:
        """Log density of the stored actions under the policy being trained, [B]."""
        return gaussian.log_prob(self.batch.action, self.mu, self.sigma)

    def log_ratio(self) -> Tensor:
        """Bounded log rho = log pi_theta / pi_proximal, [B]."""
        difference = self.log_prob() - self.batch.proximal_log_prob
        return difference.clamp(-self.max_log_ratio, self.max_log_ratio)


@runtime_checkable
class Rule(Protocol):
    """A learning rule. A rule is a frozen config object and holds no state."""

    @property
    def pathwise(self) -> bool:
        """True: climbs Q, so goals may depend on actions. False: weights log pi."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return what the actor maximises, one value per sample [B], and scalars for the log."""
