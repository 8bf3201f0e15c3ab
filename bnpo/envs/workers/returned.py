"""What an environment's reset and step returned, checked: what means nothing is refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

__all__ = ["number_of", "part_of", "reset_of", "step_of"]


def reset_of(env: gym.Env[Any, Any], **settings: Any) -> tuple[Any, Any]:
    """Reset an environment; what it returns is checked, since it would be taken apart wrongly."""
    returned: Any = env.reset(**settings)
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise ValueError("reset returned no (observation, info)")
    return returned


def step_of(returned: Any) -> tuple[Any, Any, bool, bool, Any]:
    """Return what a step returned, checked, its flags as booleans.

    Raises:
        ValueError: naming what is not as Gymnasium has it.

    """
    if not isinstance(returned, tuple | list):
        raise ValueError(f"step returned a {type(returned).__name__}: allowed are 5 values")
    if len(returned) != 5:
        raise ValueError(f"step returned {len(returned)} values: allowed are 5")
    observation, reward, terminated, truncated, info = returned
    flags = _flag("terminated", terminated), _flag("truncated", truncated)
    return observation, reward, *flags, info


def _flag(name: str, value: Any) -> bool:
    """Return a flag, also out of an array of one; text and NaN, true to Python, are none."""
    if value is True or value is False:
        return value
    array = np.asarray(value)
    if array.size == 1 and array.dtype.kind in "biuf" and array.item() in (0, 1):
        return bool(array.item())
    raise ValueError(f"{name} = {value!r}: allowed is True or False")


def part_of(observation: Any, key: str) -> Any:
    """Return a part of an observation by its key; all of it for none."""
    if not key:
        return observation
    if not isinstance(observation, Mapping):
        what = type(observation).__name__
        raise ValueError(f"the observation is a {what}: allowed is a dict of its space's keys")
    if key not in observation:
        raise ValueError(f"the observation lacks {key!r}, which its space has")
    return observation[key]


def number_of(reward: Any, shape: tuple[int, ...]) -> Any:
    """Return a reward in the shape that it is kept in; an array of one number counts as one."""
    try:
        array = np.asarray(reward)
        if array.dtype.kind in "OUSVc" and not isinstance(reward, list | tuple):
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"reward = {reward!r}: allowed is a number") from None
    if array.size != math.prod(shape):
        what = "a number" if not shape else f"numbers of shape {shape}"
        raise ValueError(f"reward has shape {array.shape}: allowed is {what}")
    return array.reshape(shape)
