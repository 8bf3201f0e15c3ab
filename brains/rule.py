"""What a learning rule is: an objective for the actor, one value per sample."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from torch import Tensor

from bnpo.brains.entropy import EntropyBonus
from bnpo.brains.options import Guidance, NaturalGradient, Point
from bnpo.networks import gaussian
from bnpo.types import Transitions

__all__ = [
    "BaselineAt",
    "Host",
    "Info",
    "NextPolicy",
    "Rule",
    "Sample",
    "allows_hindsight",
    "weighs_ratio",
]

Info = dict[str, Tensor]
"""Named scalars for the log."""

BaselineAt = Literal["behaviour", "current"]
"""Where Q is the baseline: at the distribution that acted or at the one being trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NextPolicy:
    """Policy at the states from which TD targets bootstrap."""

    mu: Tensor
    """[B, A], mean"""

    sigma: Tensor
    """[B, A], scale"""

    half_range: Tensor
    """[A], half the width of the action Box"""

    clip: Callable[[Tensor], Tensor]
    """Clips actions [B, A] to the Box."""

    noise: Callable[[], Tensor]
    """Draws standard normal numbers [B, A] from the brain's own generator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One minibatch as the actor's objective sees it."""

    batch: Transitions
    """The stored transitions with their credit."""

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

    climb_members: Callable[[Tensor, Tensor], Tensor]
    """Q of every member of the ensemble at (mu, sigma), as the brain climbs it, [E, B]"""

    played: Tensor
    """[B, A], the action clipped to the Box, as the environment got it"""

    clip: Callable[[Tensor], Tensor]
    """Clips actions [B, A] to the Box."""

    noise: Callable[[], Tensor]
    """Standard normal numbers [B, A] of the brain's own generator, the same at every call"""

    entropy_bonus: Tensor
    """[B], c H(π_θ), with gradient, for rules that add it themselves; 0 without entropy"""

    max_log_ratio: float
    """Bound on |log ρ|, the log importance ratio."""

    state: Mapping[str, float]
    """The rule's own moving numbers (see :meth:`Rule.adapt`); empty where it has none"""

    def log_prob(self) -> Tensor:
        """Return the log density of the stored actions under the policy being trained, [B]."""
        return gaussian.log_prob(self.batch.action, self.mu, self.sigma)

    def drawn(self) -> Tensor:
        """Return reparameterised action clip(μ_θ + σ_θ ε), [B, A], with gradient inside the Box."""
        return self.clip(self.mu + self.sigma * self.noise())

    def log_ratio(self) -> Tensor:
        """Return the bounded log rho = log pi_theta / pi_proximal, [B]."""
        log_prob = gaussian.log_prob(self.batch.action, self.mu, self.sigma)
        difference = log_prob - self.batch.proximal_log_prob
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
        """Return the weight min(π_proximal / π_behaviour, truncate), [B] (Hilton et al. 2022)."""
        difference = self.batch.proximal_log_prob - self.batch.behaviour_log_prob
        return difference.clamp(max=math.log(truncate)).exp()

    def kl_behaviour(self) -> Tensor:
        """Return the divergence KL(π_behaviour || π_θ) in closed form, with gradient, [B]."""
        return gaussian.kl_divergence(self.batch.mu, self.batch.sigma, self.mu, self.sigma)


class Host(Protocol):
    """What the agent offers to a rule's :meth:`Rule.prepare`."""

    def plan_guides(self, rule: Rule, guidance: Guidance) -> None:
        """Plan a rule's guiding samples on the simulator, store them and fit the actor to them."""


class Rule(ABC):
    """A learning rule: an objective for the actor, and all that the framework may ask of it.

    A rule is a frozen config object and holds no state. Every trait has a safe default, so that an
    own rule is a class with ``pathwise`` and ``objective``.
    """

    pathwise: ClassVar[bool] = False
    """Whether the rule climbs Q, so that goals may depend on actions; else it weights log π."""

    weighs_ratio: ClassVar[bool | None] = None
    """Whether samples are weighted by an importance ratio, so that none may be drawn by that ratio
    again; None: they are on a likelihood-ratio rule, and are not on a pathwise one."""

    corrects_behaviour: ClassVar[bool | None] = None
    """Whether the rule may learn from what other policies than the present one did, since it weighs
    it or has no need to; None: a pathwise rule may, a likelihood-ratio rule may not."""

    allows_hindsight: ClassVar[bool | None] = None
    """Whether goals may be chosen because of the outcome; None: on a pathwise rule, and not on one
    of a likelihood ratio, whose expectation they break. Weighted regression may say True."""

    bootstraps_online: ClassVar[bool] = False
    """Whether y bootstraps from the online actor instead of the target actor."""

    adds_entropy: ClassVar[bool] = False
    """Whether ``objective`` adds ``sample.entropy_bonus`` itself; else the brain does."""

    adapts_each_step: ClassVar[bool] = False
    """Whether the rule's numbers and a tuned entropy move after every gradient step of the actor,
    else after every turn."""

    regress_at: tuple[Point, ...] = ()
    """Where the critic must be regressed, the first by default; empty: anywhere will do."""

    value_coefficient: float = 1.0
    """Factor of the critic's learning rate; 0: the critic is not trained."""

    natural: NaturalGradient | None = None
    """Options of a natural-gradient step of the actor; None: an Adam step."""

    entropy: float | EntropyBonus | None = None
    """Weight of the policy's entropy in the objective, or its options."""

    target_kl: float | None = None
    """Mean KL to the proximal policy after which the brain's turn ends; None: no bound."""

    guidance: Guidance | None = None
    """Guiding samples that are planned before the first step, on environments with a simulator;
    None: none. The statistics of normalisation stay those of the guiding samples."""

    keeps_best: ClassVar[bool] = False
    """Whether the brain's target actor holds the best policy so far (see :meth:`review`)."""

    return_to_best: bool = False
    """Whether a policy that is worse than the best one is given up for it."""

    @abstractmethod
    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return what the actor maximises, one value per sample [B], and scalars for the log."""

    def bootstrap_point(self, policy: NextPolicy) -> tuple[Tensor, Tensor]:
        """Return the mean and scale at which y bootstraps from Q', both [B, A].

        By default the policy's own; a brain that climbs point masses then takes 0 for the scale.
        """
        return policy.mu, policy.sigma

    def prepare(self, host: Host) -> None:
        """Fill an empty replay before the first step; by default nothing happens."""
        if self.guidance is not None:
            host.plan_guides(self, self.guidance)

    def initial_state(self) -> dict[str, float]:
        """Return the rule's own moving numbers by name, before the first turn."""
        return {}

    def adapt(self, state: Mapping[str, float], info: Mapping[str, float]) -> dict[str, float]:
        """Return the numbers that changed in a turn whose last scalars for the log are ``info``."""
        return {}

    def review(self, better: bool, state: Mapping[str, float]) -> dict[str, float]:
        """Return the numbers that change once a turn's policy was found better, or not."""
        return {}


def weighs_ratio(rule: Rule) -> bool:
    """Return whether a rule weights its samples by an importance ratio."""
    return not rule.pathwise if rule.weighs_ratio is None else rule.weighs_ratio


def allows_hindsight(rule: Rule) -> bool:
    """Return whether a rule may learn from goals that were chosen because of the outcome."""
    return rule.pathwise if rule.allows_hindsight is None else rule.allows_hindsight
