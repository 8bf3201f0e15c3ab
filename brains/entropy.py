"""The entropy bonus, which any rule may carry in a field ``entropy``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from torch import Tensor

from bnpo.config import NonNegative, Positive, config, nested
from bnpo.errors import ConfigError

__all__ = ["Entropy", "EntropyBonus", "entropy_bonus"]

_LOWEST, _HIGHEST = 1e-8, 1e4


@config
class EntropyBonus:
    """Entropy bonus c H(π_θ(·|s, g)), in closed form, added to the objective of every sample.

    With a target, c is tuned once per turn: c <- c exp(rate (target - mean H)), so that c grows
    while the policy is narrower than wanted (after Haarnoja et al. 2018, on log c).
    """

    coefficient: NonNegative = 0.01
    """Weight c of the entropy; its initial value if it is tuned."""

    target: float | Literal["auto"] | None = None
    """Entropy (nats, summed over action dimensions) to which c is tuned; "auto": -1 for each action
    dimension, in units of half its range (Haarnoja et al. 2018); None: c stays."""

    rate: Positive = 0.05
    """Step of log c per nat and turn, or gradient step where the rule adapts at each."""

    in_target: bool = False
    """Whether y bootstraps from Q' + c H(π'), which makes the return soft, so that known bounds of
    the return do not hold for y. The rewards inside a longer return carry entropy where credit is
    soft_gae; with any other, n = 1 alone is exact."""

    def __post_init__(self) -> None:
        """Refuse a weight of 0 that is to be tuned: it would never move."""
        if self.target is not None and self.coefficient == 0:
            raise ConfigError(
                f"EntropyBonus.coefficient = 0 with target = {self.target}: allowed is a number "
                "above 0, from which the tuned weight can move"
            )

    def weight(self, state: Mapping[str, float]) -> float:
        """Return the present weight c, as tuned so far."""
        return state.get("entropy_coefficient", self.coefficient)

    def initial_state(self) -> dict[str, float]:
        """Return the initial weight c by name; empty if it is fixed."""
        return {} if self.target is None else {"entropy_coefficient": self.coefficient}

    def adapt(self, state: Mapping[str, float], info: Mapping[str, float]) -> dict[str, float]:
        """Return the weight c after a turn with the mean entropy ``info["entropy"]``."""
        if self.target is None or "entropy" not in info:
            return {}
        assert self.target != "auto"  # entropy_bonus has put the number in its place
        moved = self.weight(state) * math.exp(self.rate * (self.target - info["entropy"]))
        return {"entropy_coefficient": min(max(moved, _LOWEST), _HIGHEST)}


def _weight_or_bonus(value: Any) -> Any:
    bonus = nested(EntropyBonus)(value)
    number = isinstance(bonus, int | float) and not isinstance(bonus, bool) and bonus >= 0
    if not number and not isinstance(bonus, EntropyBonus):
        raise ValueError("a weight of at least 0, or an EntropyBonus or its fields")
    return bonus


Entropy = Annotated[float | EntropyBonus, BeforeValidator(_weight_or_bonus)]
"""A rule's field: a fixed weight, or a bonus with options (as an object or its fields)."""


def entropy_bonus(entropy: Any, half_range: Tensor) -> EntropyBonus | None:
    """Return the bonus of a rule's field ``entropy``, its target a number; None for none.

    Args:
        entropy: the field
        half_range: [A], half the width of the action Box

    """
    if entropy is None or entropy == 0:
        return None
    if not isinstance(entropy, EntropyBonus):
        return EntropyBonus(coefficient=float(entropy))
    if entropy.target != "auto":
        return entropy
    return dataclasses.replace(entropy, target=float((half_range.log() - 1.0).sum()))
