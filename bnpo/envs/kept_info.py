"""What the replay keeps of info for hindsight: found by playing, kept as numbers, handed back.

``compute_reward`` may depend on info, the energy of a step say. Which keys it reads is found by
watching it; their numbers lie in the replay beside the reward, NaN where a step did not tell them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.envs.vector_info import told_of_step
from bnpo.errors import ConfigError, headline
from bnpo.types import InfoKey

__all__ = ["Method", "WatchedInfo", "find_keys", "named", "pack", "pack_each", "unpack", "unpacked"]

Method = Callable[[Any, Any, Any], Any]
"""Signature of ``compute_reward`` and its like: achieved goal, desired goal, info."""


class WatchedInfo(dict[str, Any]):
    """Info that notes which of its keys are looked at."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        """Hold what an environment told."""
        super().__init__(info)
        self.asked: dict[str, None] = {}
        self.read = False
        """Whether it was looked at"""

    def __getitem__(self, key: str) -> Any:
        self._ask(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._ask(str(key))
        return super().__contains__(key)

    def __len__(self) -> int:
        self._ask_all()
        return super().__len__()

    def __iter__(self) -> Iterator[str]:
        self._ask_all()
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or the default."""
        self._ask(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a value and return it."""
        self._ask(key)
        return super().pop(key, *default)

    def keys(self) -> Any:
        """Return all keys, which counts as a look at each."""
        self._ask_all()
        return super().keys()

    def values(self) -> Any:
        """Return all values, which counts as a look at each."""
        self._ask_all()
        return super().values()

    def items(self) -> Any:
        """Return all keys and values, which counts as a look at each."""
        self._ask_all()
        return super().items()

    def copy(self) -> dict[str, Any]:
        """Return a copy, which counts as a look at each value."""
        self._ask_all()
        return super().copy()

    def _ask(self, key: str) -> None:
        self.read = True
        self.asked[key] = None

    def _ask_all(self) -> None:
        self.read = True
        self.asked.update(dict.fromkeys(super().keys()))


def named(keys: Sequence[str]) -> str:
    """Return keys of info as a message names them."""
    return ", ".join(f"info[{key!r}]" for key in keys)


def find_keys(
    methods: Mapping[str, Method],
    achieved: NDArray[Any],
    desired: NDArray[Any],
    infos: Sequence[Mapping[str, Any]],
) -> tuple[InfoKey, ...]:
    """Return the keys of info that methods of a goal environment read and that numbers can hold.

    Args:
        methods: ``compute_reward`` and its like by name
        achieved: goals achieved in steps that were played, [T, G]
        desired: goals desired there, [T, G]
        infos: of these steps, [T]

    Raises:
        ValueError: an answer depends on what is no number, or a method fails; one line that says
            which method and which key.

    """
    asked: dict[str, str] = {}
    for name, method in methods.items():
        for goals in zip(achieved, desired, infos, strict=True):
            for key in _asked(name, method, *goals):
                asked.setdefault(key, name)
    keys = {key: _key(key, [info[key] for info in infos if key in info]) for key in asked}
    kept = tuple(key for key in keys.values() if isinstance(key, InfoKey))
    lost = {key: why for key, why in keys.items() if isinstance(why, str) and why}
    for key, why in lost.items():  # which may be for a log alone
        method = methods[asked[key]]
        for one, other, info in zip(achieved, desired, infos, strict=True):
            rest = {name: value for name, value in info.items() if name not in lost}
            if key in info and not _same(method, one, other, info, rest):
                raise ValueError(
                    f"{asked[key]} needs info[{key!r}], which hindsight cannot keep: it holds "
                    f"{why}; allowed are numbers and arrays of numbers of one shape"
                )
    return kept


def _asked(
    name: str, method: Method, achieved: Any, desired: Any, info: Mapping[str, Any]
) -> list[str]:
    watched = WatchedInfo(info)
    try:
        method(achieved.copy(), desired.copy(), watched)
    except (Exception, SystemExit) as error:
        missing = [key for key in watched.asked if key not in info]
        if missing:
            raise ValueError(
                f"{name} needs {named(missing)}, which no step tells ({headline(error)})"
            ) from error
        raise ValueError(
            f"{name}(achieved_goal, desired_goal, info) fails ({headline(error)})"
        ) from error
    return [*watched.asked]


def _key(name: str, values: Sequence[Any]) -> InfoKey | str:
    """Return how to keep a key; what keeps it from being kept; or nothing where it is never told.

    NumPy tells the type: that of all values together.
    """
    if not values:
        return ""
    try:
        arrays = [np.asarray(value) for value in values]
    except ValueError:
        return "lists of several lengths"
    kind = next((a.dtype.kind for a in arrays if a.dtype.kind not in "biuf"), None)
    if kind is not None:
        return {"U": "text", "S": "bytes", "O": f"a {type(values[0]).__name__}"}.get(
            kind, f"numbers of type {arrays[0].dtype}"
        )
    if len({array.shape for array in arrays}) > 1:
        return "arrays of several shapes"
    return InfoKey(name=name, shape=arrays[0].shape, dtype=np.result_type(*arrays).name)


def _same(method: Method, achieved: Any, desired: Any, info: Any, rest: Any) -> bool:
    try:
        first, second = (
            np.asarray(method(achieved.copy(), desired.copy(), dict(one)), np.float64)
            for one in (info, rest)
        )
        return np.array_equal(first, second)
    except (Exception, SystemExit):
        return False


def pack(infos: dict[str, Any], keys: Sequence[InfoKey], num_envs: int) -> NDArray[np.float64]:
    """Return what is kept of the infos of one step of a vector environment, [N, I].

    Raises:
        ConfigError: a value is not of the shape that the first steps told.

    """
    packed = np.full((num_envs, sum(key.size for key in keys)), np.nan)
    place = 0
    for key in keys:
        part = packed[:, place : place + key.size]
        place += key.size
        for source, told in told_of_step(infos, num_envs):
            if key.name not in source:
                continue
            column = source[key.name]
            rows = np.flatnonzero(told & source.get(f"_{key.name}", True))
            whole = isinstance(column, np.ndarray) and column.dtype != np.object_
            if whole and column.shape[1:] == key.shape:
                part[rows] = column[rows].reshape(len(rows), key.size)
                continue
            for row in rows:
                part[row] = _numbers(key, column, int(row))
    return packed


def pack_each(infos: Sequence[Mapping[str, Any]], keys: Sequence[InfoKey]) -> NDArray[np.float64]:
    """Return what is kept of infos of single steps, [T, I]."""
    packed = np.full((len(infos), sum(key.size for key in keys)), np.nan)
    for row, info in enumerate(infos):
        place = 0
        for key in keys:
            if key.name in info:
                packed[row, place : place + key.size] = _numbers(key, [info[key.name]], 0)
            place += key.size
    return packed


def _numbers(key: InfoKey, column: Any, row: int) -> NDArray[np.float64]:
    value: Any = column if isinstance(column, dict) else column[row]
    try:
        array = np.asarray(value, np.float64)
        if array.shape == key.shape:
            return array.reshape(key.size)
    except (TypeError, ValueError):
        pass
    what = "a number" if not key.shape else f"numbers of shape {key.shape}"
    raise ConfigError(
        f"info[{key.name!r}] = {str(value)[:60]!r}: hindsight keeps {what} of it, as in the first "
        "steps"
    )


def unpack(packed: NDArray[Any], keys: Sequence[InfoKey]) -> dict[str, NDArray[Any]]:
    """Return what was kept of several steps [B, I] under its keys, [B, ...] each."""
    columns, place = {}, 0
    for key in keys:
        column = packed[:, place : place + key.size].reshape(len(packed), *key.shape)
        place += key.size
        if np.dtype(key.dtype).kind in "iu":
            column = np.rint(column)
        columns[key.name] = column.astype(key.dtype)
    return columns


def unpacked(packed: NDArray[Any], keys: Sequence[InfoKey]) -> list[dict[str, Any]]:
    """Return what was kept of several steps [B, I] as their infos, without what was not told."""
    infos: list[dict[str, Any]] = [{} for _ in packed]
    place = 0
    for key in keys:
        rows = np.flatnonzero(~np.isnan(packed[:, place : place + key.size]).all(1))
        if not key.size:
            rows = np.arange(len(packed))
        place += key.size
        column = unpack(packed[rows][:, place - key.size : place], [key])[key.name]
        for row, value in zip(rows, column, strict=True):
            infos[row][key.name] = value
    return infos
