"""Credit schemes by name."""

from __future__ import annotations

from typing import Any

from bnpo.credit.gae import GAE
from bnpo.credit.her import HER
from bnpo.credit.montecarlo import FullReturn, RewardToGo
from bnpo.credit.nstep import FloatingNStep, NStep
from bnpo.credit.shifting import ShiftedGoals
from bnpo.credit.soft_gae import SoftGAE
from bnpo.errors import ConfigError, did_you_mean
from bnpo.types import CreditScheme, adopted

__all__ = ["SCHEMES", "resolve"]

SCHEMES: dict[str, type[CreditScheme]] = {
    "floating": FloatingNStep,
    "full_return": FullReturn,
    "gae": GAE,
    "her": HER,
    "n_step": NStep,
    "reward_to_go": RewardToGo,
    "shifted_goals": ShiftedGoals,
    "soft_gae": SoftGAE,
}
"""Schemes by name; a name stands for the scheme with its default fields."""


def resolve(scheme: Any, where: str = "credit") -> CreditScheme:
    """Return the scheme of a name, or the scheme itself.

    Args:
        scheme: a name, or any object with ``assign(trajectories, segment, time, evaluator)``.
        where: how an error calls the field.

    Raises:
        ConfigError: for an unknown name, a class instead of an object, an object without assign.

    """
    if isinstance(scheme, str):
        if scheme in SCHEMES:
            return SCHEMES[scheme]()
        hint = did_you_mean(scheme, SCHEMES)
        names = ", ".join(repr(name) for name in SCHEMES)
        raise ConfigError(f"{where} = {scheme!r}: allowed is one of {names} or a scheme{hint}")
    if isinstance(scheme, type):
        name = scheme.__name__
        raise ConfigError(f"{where} = {name}, a class: allowed is an object, such as {name}()")
    scheme = adopted(scheme, CreditScheme, "assign")
    if not isinstance(scheme, CreditScheme):
        raise ConfigError(
            f"{where} = {scheme!r}: allowed is a name or an object with a method "
            "assign(trajectories, segment, time, evaluator)"
        )
    return scheme
