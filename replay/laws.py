"""Sampling laws: which transition of a pool is drawn, and with which weight it then counts.

A law is configuration and pure functions; the pool stores what they return. The exponent of the
priorities may follow a schedule over environment steps (``BrainDescription.prio_schedule``): the
caller hands its present value to :meth:`SamplingLaw.priority`, and an entry keeps the priority it
was last given.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from bnpo.config import Fraction, NonNegative, Positive, config

__all__ = [
    "LAWS",
    "ImportanceRatio",
    "SamplingLaw",
    "TDError",
    "Uniform",
]


@runtime_checkable
class SamplingLaw(Protocol):
    """Sampling law: what a pool and an agent ask of it."""

    needs: ClassVar[frozenset[str]]
    """Which of "log_ratio", "log_ratio_rest" and "td_error" its priorities are made from; empty:
    every entry is drawn alike and priorities are not kept."""

    def priority(
        self,
        log_ratio: Tensor,
        log_ratio_rest: Tensor,
        td_error: Tensor,
        /,
        *,
        exponent: float | None = None,
        max_log_ratio: float = 10.0,
    ) -> Tensor:
        """Return the priorities [B], not normalised, without gradient.

        Args:
            log_ratio: [B], log pi(a|s, g) - log pi_b(a|s, g).
            log_ratio_rest: [B], the same summed over the actions after the first.
            td_error: [B], y - Q.
            exponent: of the priorities; None: the law's own.
            max_log_ratio: bound on |log rho|.

        """

    @property
    def reweights(self) -> bool:
        """Whether drawn samples carry weights other than one."""

    def weight(self, priority: Tensor, total: Tensor, count: int, /) -> Tensor:
        """Return the weights [B] of drawn samples.

        Args:
            priority: [B], of what was drawn.
            total: [], sum of the pool's priorities.
            count: number of entries in the pool.

        """

    def fresh(self, largest: float) -> float:
        """Return the priority of an entry that comes without one.

        Args:
            largest: largest priority that the pool has seen, 1 at first.

        """


@config
class Uniform:
    """Draws every entry with equal probability."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def priority(self, log_ratio: Tensor, /, *_others: Tensor, **_options: float | None) -> Tensor:
        """Return equal priorities, [B]."""
        return torch.ones_like(log_ratio)

    @property
    def reweights(self) -> bool:
        """Whether drawn samples carry weights: never."""
        return False

    def weight(self, priority: Tensor, _total: Tensor, _count: int, /) -> Tensor:
        """Return equal weights, [B]."""
        return torch.ones_like(priority)

    def fresh(self, _largest: float) -> float:
        """Return the priority of a fresh entry, which is everyone's."""
        return 1.0


@config
class ImportanceRatio:
    """Importance resampling: rho_i = pi(a_i|s_i, g_i) / pi_b(a_i|s_i, g_i), i with rho_i / sum rho.

    What is drawn is not weighted again: the draw looks as if pi had acted. Consistent, with a bias
    that shrinks as 1 / N in the size of the pool (Schlegel et al. 2019, "Importance Resampling
    for Off-policy Prediction").
    """

    needs: ClassVar[frozenset[str]] = frozenset({"log_ratio", "log_ratio_rest"})

    clip: Positive | None = None
    """Upper bound of ρ; None for no bound."""

    kstep: bool = False
    """Whether ρ is the ratio of all n actions of a sample, instead of its first alone."""

    bias_corrected: bool = False
    """Whether draws are weighted by the pool's mean priority: unbiased at every size of the pool if
    priorities are ρ itself (neither clipped nor raised to a power)."""

    def priority(
        self,
        log_ratio: Tensor,
        log_ratio_rest: Tensor,
        _td_error: Tensor,
        /,
        *,
        exponent: float | None = None,
        max_log_ratio: float = 10.0,
    ) -> Tensor:
        """Return priorities min(rho, clip) ** exponent, [B]; the exponent None stands for 1."""
        log_ratio = log_ratio.detach()
        if self.kstep:
            log_ratio = log_ratio + log_ratio_rest.detach()
        rho = log_ratio.clamp(-max_log_ratio, max_log_ratio).exp()
        if self.clip is not None:
            rho = rho.clamp(max=self.clip)
        return rho if exponent is None else rho**exponent

    @property
    def reweights(self) -> bool:
        """Whether drawn samples carry weights: if ``bias_corrected``."""
        return self.bias_corrected

    def weight(self, priority: Tensor, total: Tensor, count: int, /) -> Tensor:
        """Return equal weights: 1, or the pool's mean priority if ``bias_corrected``, [B]."""
        if self.bias_corrected:
            return (total / count).to(priority.dtype).expand_as(priority)
        return torch.ones_like(priority)

    def fresh(self, _largest: float) -> float:
        """Return the priority 1 of a fresh entry: the ratio of what the policy has just done."""
        return 1.0


@config
class TDError:
    """Prioritised experience replay: |delta|^alpha, weights (N p)^-beta (Schaul et al. 2016)."""

    needs: ClassVar[frozenset[str]] = frozenset({"td_error"})

    alpha: NonNegative = 0.6
    """Exponent of the priorities, where no schedule gives another."""

    beta: Fraction = 0.4
    """Exponent of the weights: 1 corrects the draw in full."""

    epsilon: NonNegative = 1e-6
    """Constant ε added to |δ|, so that an entry without error can be drawn again."""

    def priority(
        self,
        _log_ratio: Tensor,
        _log_ratio_rest: Tensor,
        td_error: Tensor,
        /,
        *,
        exponent: float | None = None,
        **_bounds: float,
    ) -> Tensor:
        """Return priorities (|delta| + epsilon) ** alpha, [B]; an exponent takes alpha's place."""
        magnitude = td_error.detach().abs() + self.epsilon
        return magnitude ** (self.alpha if exponent is None else exponent)

    @property
    def reweights(self) -> bool:
        """Whether drawn samples carry weights: always."""
        return True

    def weight(self, priority: Tensor, total: Tensor, count: int, /) -> Tensor:
        """Return weights (N p_i)^-beta over the batch's largest, p_i = priority / total, [B]."""
        weight = (count * priority / total.to(priority.dtype)) ** -self.beta
        return weight / weight.max() if len(weight) else weight

    def fresh(self, largest: float) -> float:
        """Return the largest priority so far, so that new entries are soon drawn once."""
        return largest


LAWS: dict[str, type[Any]] = {
    "uniform": Uniform,
    "importance_ratio": ImportanceRatio,
    "td_error": TDError,
}
"""Every sampling law by its name in ``BrainDescription.sampler``."""
