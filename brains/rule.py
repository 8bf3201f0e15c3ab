"""What a learning rule is: an objective for the actor, one value per sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from bnpo.networks import gaussian
from bnpo.types import Transitions

__all__ = ["Adaptive", "BaselineAt", "Info", "Rule", "Sample"]

Info = dict[str, Tensor]
"""Named scalars for the log."""

BaselineAt = Literal["behaviour", "current"]
"""Where Q is the baseline: at the distribution that acted or at the one being trained."""


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

    played: Tensor
    """[B, A], the action clipped to the Box, as the environment got it"""

    max_log_ratio: float
    """Bound on |log rho|."""

    state: Mapping[str, float]
    """The rule's own moving numbers (see :class:`Adaptive`); empty where it has none"""

    def log_prob(self) -> Tensor:
        """Log density of the stored actions under the policy being trained, [B]."""
        return gaussian.log_prob(self.batch.action, self.mu, self.sigma)

    def log_ratio(self) -> Tensor:
        """Bounded log rho = log pi_theta / pi_proximal, [B]."""
        difference = self.log_prob() - self.batch.proximal_log_prob
        return difference.clamp(-self.max_log_ratio, self.max_log_ratio)

    def advantage(self, at: BaselineAt = "behaviour", *, normalize: bool = False) -> Tensor:
        """Return A = y - Q(s, g, μ, σ), [B], without gradient.

        Args:
            at: where Q is the baseline
            normalize: scale the minibatch to zero mean and unit variance

        """
        if at == "current":
            baseline = self.climb(self.mu.detach(), self.sigma.detach()).detach()
        else:
            baseline = self.baseline
        advantage = self.td_target - baseline
        if normalize and len(advantage) > 1:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
        return advantage

    def off_policy_weight(self, truncate: float) -> Tensor:
        """min(π_proximal / π_behaviour, truncate), [B] (Hilton, Cobbe and Schulman 2022)."""
        difference = self.batch.proximal_log_prob - self.batch.behaviour_log_prob
        return difference.clamp(max=math.log(truncate)).exp()

    def kl_behaviour(self) -> Tensor:
        """KL(π_behaviour || π_θ) in closed form, with gradient, [B]."""
        return gaussian.kl_divergence(self.batch.mu, self.batch.sigma, self.mu, self.sigma)


@runtime_checkable
class Rule(Protocol):
    """A learning rule. A rule is a frozen config object and holds no state."""

    @property
    def pathwise(self) -> bool:
        """True: climbs Q, so goals may depend on actions. False: weights log pi."""

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return what the actor maximises, one value per sample [B], and scalars for the log."""


@runtime_checkable
class Adaptive(Protocol):
    """A rule, or a part of one, with numbers that move between the turns of its brain.

    The brain keeps the numbers, saves them and hands them back in ``Sample.state``; the object
    itself stays frozen.
    """

    def initial_state(self) -> dict[str, float]:
        """Numbers by name, before the first turn."""

    def adapt(self, state: Mapping[str, float], info: Mapping[str, float]) -> dict[str, float]:
        """Return the numbers after a turn whose last scalars for the log are ``info``."""
