"""Checks of what users pass; every message names the argument, its value and what is allowed."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from bnpo.errors import did_you_mean

Config = TypeVar("Config")


def config_from(kind: type[Config], settings: Mapping[str, Any]) -> Config:
    """Build the config dataclass ``kind``; an unknown key is a ValueError that names it."""
    allowed = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    refuse_unknown(settings, allowed, what="argument")
    return kind(**settings)


def refuse_unknown(names: Iterable[str], allowed: Collection[str], *, what: str) -> None:
    """Raise a ValueError for the first of the names that is not ``allowed``."""
    for name in names:
        if name not in allowed:
            hint = did_you_mean(str(name), allowed)
            raise ValueError(f"unknown {what} {name!r}{hint} (allowed: {', '.join(allowed)})")


def require_int(name: str, value: object, *, minimum: int) -> int:
    """Return ``value`` as an int of at least ``minimum``; floats and booleans are refused."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < minimum:
        raise ValueError(f"{name}={value!r} must be an integer of at least {minimum}")
    return int(value)


def require_number(
    name: str, value: object, *, minimum: float = -math.inf, exclusive: bool = False
) -> float:
    """Return ``value`` as a finite float not below ``minimum`` (above it when ``exclusive``)."""
    bound = f"above {minimum:g}" if exclusive else f"of at least {minimum:g}"
    allowed = "a finite number" if minimum == -math.inf else f"a finite number {bound}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name}={value!r} must be {allowed}")
    number = float(value)
    if not math.isfinite(number) or number < minimum or (exclusive and number == minimum):
        raise ValueError(f"{name}={value!r} must be {allowed}")
    return number


def require_numbers(name: str, value: object, allowed: str, *, count: int) -> list[float]:
    """Return ``value`` as so many finite floats; ``allowed`` says in words what it may be."""
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != count:
        raise ValueError(f"{name}={value!r} must be {allowed}")
    try:
        return [require_number(name, one) for one in value]
    except ValueError:
        raise ValueError(f"{name}={value!r} must be {allowed}") from None


def require_choice(name: str, value: object, allowed: Collection[str]) -> None:
    """Raise unless ``value`` is one of ``allowed``."""
    if not isinstance(value, str) or value not in allowed:
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}{hint}")


def require_batch(
    name: str, value: object, *, shape: tuple[int, ...], num_envs: int
) -> npt.NDArray[np.float64]:
    """Return ``value`` as finite float64 [num_envs, *shape], repeated if given once for all."""
    allowed = f"finite numbers of shape {shape} or {(num_envs, *shape)}"
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value!r} must be {allowed}") from None
    if array.shape not in (shape, (num_envs, *shape)) or not np.isfinite(array).all():
        raise ValueError(f"{name}={value!r} must be {allowed}")
    return np.broadcast_to(array, (num_envs, *shape)).copy()


def require_actions(actions: object, *, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return actions as float64 of exactly ``shape``; wrong shapes and NaN are refused."""
    array = np.asarray(actions)
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise ValueError(
            f"actions of shape {array.shape} and dtype {array.dtype} were given, "
            f"allowed are numbers of shape {shape}"
        )
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(
            f"actions hold {array[tuple(where)]} at index {tuple(map(int, where))}, "
            "allowed are finite numbers"
        )
    return array.astype(np.float64)


def shortened(episode_steps: int, max_episode_steps: int | None) -> int:
    """Return the length of an episode when Gymnasium's own limit is given as well."""
    if max_episode_steps is None:
        return episode_steps
    return min(episode_steps, require_int("max_episode_steps", max_episode_steps, minimum=1))
