"""Infos of a vector environment in Gymnasium's format: an array and a mask for every key."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]

_ENDS = ("final_obs", "final_info")
"""Keys in which Gymnasium keeps what an episode ended with."""

RESTARTED = "bnpo/restarted"
"""Key of the pool's own message that environments began anew; the others are an environment's."""


def info_of(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """Return what one environment told of the step just taken, ended episodes included."""
    found: dict[str, Any] = {}
    for source in (infos, infos.get("final_info", {})):
        for key, mask in source.items():
            name = key[1:]
            if key.startswith("_") and name in source and name not in _ENDS and bool(mask[row]):
                found[name] = source[name][row]
    return found


def add_info(infos: dict[str, Any], info: dict[str, Any], mask: BoolArray | None) -> None:
    """Add info arrays for the masked environments (None: all), with Gymnasium's ``_key`` masks."""
    if mask is None:
        for key, values in info.items():
            infos[key], infos[f"_{key}"] = values, np.ones(len(values), np.bool_)
    elif mask.any():
        for key, values in info.items():
            infos[key] = np.where(mask, values, np.zeros((), values.dtype))
            infos[f"_{key}"] = mask.copy()


def add_final(
    infos: dict[str, Any],
    observations: Any,
    info: dict[str, Any],
    done: BoolArray,
) -> None:
    """Add ``final_obs`` and ``final_info`` of the environments that are done.

    Observations are an array [N, .], or a dict of them.
    """
    final_obs = np.full(len(done), None, dtype=object)
    for index in np.flatnonzero(done):
        final_obs[index] = (
            {key: rows[index] for key, rows in observations.items()}
            if isinstance(observations, dict)
            else observations[index]
        )
    final_info: dict[str, Any] = {}
    add_info(final_info, info, done)
    infos["final_obs"], infos["_final_obs"] = final_obs, done.copy()
    infos["final_info"], infos["_final_info"] = final_info, done.copy()
