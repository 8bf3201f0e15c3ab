"""Who plays the other side of a task with two sides."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bnpo.config.base import Count, Fraction, config
from bnpo.errors import ConfigError

__all__ = ["OpponentConfig"]


@config
class OpponentConfig:
    """Self-play: the other side is played by the policy itself, or by one of its past selves."""

    past_share: Fraction = 0.2
    """Probability that a game is played against a past self, and not the newest policy."""

    pool_size: Annotated[int, Field(ge=0)] = 20
    """Largest number of past selves; they stay spread over the whole run."""

    interval: Count = 50_000
    """Distance between two past selves (single-environment steps)."""

    draw: Literal["uniform", "hardest"] = "uniform"
    """How a past self is drawn: each alike, or the more often the worse the last self that was kept
    did against it."""

    games: Count = 16
    """Number of games that a new past self plays against each of the others and the scripted
    player, for the ratings."""

    def __post_init__(self) -> None:
        """Refuse games against past selves of which none is kept."""
        if self.past_share > 0 and not self.pool_size:
            raise ConfigError(
                f"OpponentConfig.pool_size = 0 with past_share = {self.past_share}: allowed is a "
                "pool of at least 1, or past_share = 0"
            )
