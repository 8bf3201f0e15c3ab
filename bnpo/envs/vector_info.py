"""Infos of a vector environment in Gymnasium's format: an array and a mask for every key."""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import types
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]

RESTARTED = "bnpo/restarted"
"""Key of the pool's own message that environments began anew; the others are an environment's."""

_ENDS = ("final_obs", "final_info")
"""Keys in which Gymnasium keeps what an episode ended with."""

_PLAIN = (bool, int, float, complex, str, bytes, np.generic)
"""Values that nobody can write to."""

_HOLDERS = (list, tuple, set, bytearray, collections.deque, types.SimpleNamespace)
"""Other values that are copied, as are dataclasses and what says how it is copied."""

_NUMBERS = (bool, int, float, np.bool_, np.number)


def kept(value: Any) -> Any:
    """Return a copy of what an environment showed or told, which it may write to afterwards."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: kept(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(map(kept, value))
    if value is None or isinstance(value, _PLAIN):
        return value
    holds = isinstance(value, _HOLDERS) or hasattr(type(value), "__deepcopy__")
    if holds or dataclasses.is_dataclass(value):
        with contextlib.suppress(Exception):  # what cannot be copied is handed on
            return copy.deepcopy(value)
    return value


def carried(info: Any) -> dict[str, Any]:
    """Return a copy of an environment's info without what a vector environment has no place for.

    That is what is no dict, keys that are no text or begin with an underscore (Gymnasium's masks),
    and those with which Gymnasium and the pool tell something of their own.
    """
    if not isinstance(info, Mapping):
        return {}
    return {
        key: kept(value)
        for key, value in info.items()
        if isinstance(key, str) and not key.startswith(("_", "bnpo/")) and key not in _ENDS
    }


def collect(num_envs: int, infos: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return infos of single environments as those of a batch.

    Numbers become arrays of numbers, arrays of one shape and type an array of these, dicts are
    collected in turn; all else, arrays whose shapes differ say, becomes an array of objects.

    Args:
        num_envs: environments in the batch
        infos: environment and its info

    """
    columns: dict[str, dict[int, Any]] = {}
    for row, info in infos:
        for key, value in info.items():
            columns.setdefault(key, {})[row] = value
    made: dict[str, Any] = {}
    for key, values in columns.items():
        mask = np.zeros(num_envs, np.bool_)
        mask[list(values)] = True
        made[key], made[f"_{key}"] = _column(num_envs, values), mask
    return made


def _column(num_envs: int, values: Mapping[int, Any]) -> Any:
    """One quantity of all environments [N, ...]; zeros or None where it was not told."""
    rows, items = [*values], [*values.values()]
    if all(isinstance(item, dict) for item in items):
        told = ((row, carried(item)) for row, item in values.items())
        return collect(num_envs, told)
    column: npt.NDArray[Any]
    if all(isinstance(item, _NUMBERS) for item in items):
        kinds = {type(item) for item in items}
        first = np.asarray(items[0]).dtype
        kind = first if len(kinds) == 1 else np.result_type(*(np.asarray(i).dtype for i in items))
        try:
            column = np.zeros(num_envs, kind)
            column[rows] = items
        except OverflowError:  # an integer beyond 64 bits
            return _objects(num_envs, values)
        return column
    arrays = [item for item in items if isinstance(item, np.ndarray) and item.dtype != np.object_]
    if len(arrays) == len(items) and len({(one.shape, one.dtype.str) for one in arrays}) == 1:
        column = np.zeros((num_envs, *arrays[0].shape), arrays[0].dtype)
        column[rows] = arrays
        return column
    return _objects(num_envs, values)


def _objects(num_envs: int, values: Mapping[int, Any]) -> npt.NDArray[Any]:
    column = np.full(num_envs, None, dtype=object)
    for row, value in values.items():
        column[row] = value
    return column


def told_of_step(infos: dict[str, Any], num_envs: int) -> list[tuple[dict[str, Any], BoolArray]]:
    """Return where the step just taken is told of, and of which environments [N].

    Infos of an environment whose episode ended are those of its reset; what its last step told
    lies in ``final_info``.
    """
    final = infos.get("final_info")
    if not isinstance(final, dict):
        return [(infos, np.ones(num_envs, np.bool_))]
    masks = (infos[key] for key in ("_final_info", "_final_obs") if key in infos)
    ended = np.asarray(next(masks, np.zeros(num_envs)), np.bool_)
    return [(infos, ~ended), (final, ended)]


def info_of(infos: dict[str, Any], row: int, num_envs: int) -> dict[str, Any]:
    """Return what one environment told of the step just taken, ended episodes included."""
    for source, told in told_of_step(infos, num_envs):
        if told[row]:
            return _row_of(source, row)
    return {}


def _row_of(infos: dict[str, Any], row: int) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for key, mask in infos.items():
        name = key[1:]
        if key.startswith("_") and name in infos and name not in _ENDS and mask[row]:
            column = infos[name]
            info[name] = _row_of(column, row) if isinstance(column, dict) else column[row]
    return info


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
