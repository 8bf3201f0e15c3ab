"""Discount annealing, by value and by half-life."""

from __future__ import annotations

import math
from typing import Literal

from bnpo.config import Count, NonNegative, config
from bnpo.errors import ConfigError

__all__ = ["AnnealedDiscount", "gamma_from_half_life", "half_life_from_gamma"]


def gamma_from_half_life(half_life: float) -> float:
    """Return the discount factor that halves a reward's weight in so many environment steps.

    γ = 0.5^(1 / half-life)  (OpenAI Five, seed 000).

    Raises:
        ConfigError: for a half-life that is not above zero.

    """
    if not half_life > 0:
        raise ConfigError(f"half_life = {half_life!r}: allowed is a number of steps above 0")
    return float(0.5 ** (1 / half_life))


def half_life_from_gamma(gamma: float) -> float:
    """Return the environment steps in which the discount factor halves a reward's weight.

    half-life = log 0.5 / log γ, the inverse of :func:`gamma_from_half_life`.

    Raises:
        ConfigError: for a discount factor outside of (0, 1).

    """
    if not 0 < gamma < 1:
        raise ConfigError(f"gamma = {gamma!r}: allowed is a number between 0 and 1")
    return math.log(0.5) / math.log(gamma)


@config
class AnnealedDiscount:
    """A discount factor that moves linearly, in value or in half-life, and then stays.

    ``schedule(step)`` is γ at an environment step. OpenAI Five went from 0.998 to 0.9997, in
    half-lives from 346 to 2,310 decisions (seed 000).
    """

    start: NonNegative
    """Initial discount factor γ, or initial half-life (environment steps)."""

    end: NonNegative
    """Final discount factor γ, or final half-life (environment steps)."""

    over: Count
    """Length of the way from start to end (environment steps)."""

    by: Literal["value", "half_life"] = "value"
    """Which of the two start and end are, and moves linearly."""

    def __post_init__(self) -> None:
        """Refuse a start or an end that is no discount factor, or no half-life."""
        for name, end in (("start", self.start), ("end", self.end)):
            if self.by == "value" and not end < 1:
                raise ConfigError(
                    f"AnnealedDiscount.{name} = {end}: allowed is a discount factor in [0, 1), "
                    "or by='half_life'"
                )
            if self.by == "half_life" and end == 0:
                raise ConfigError(
                    f"AnnealedDiscount.{name} = {end}: allowed is a half-life above 0 steps"
                )

    def __call__(self, step: int) -> float:
        """Return the discount factor at an environment step."""
        share = min(max(step / self.over, 0.0), 1.0)
        level = self.start + share * (self.end - self.start)
        return gamma_from_half_life(level) if self.by == "half_life" else level
