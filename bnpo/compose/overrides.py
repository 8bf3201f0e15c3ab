"""Overrides such as ``brains.ddpg.batch_size=128``: how they are read and where they are put."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from bnpo.errors import ConfigError

__all__ = [
    "NAMED",
    "Overrides",
    "as_json",
    "as_overrides",
    "differing_keys",
    "flatten",
    "merge",
    "parse",
    "put",
]

NAMED = ("rule", "credit", "sampler")
"""Fields of a brain that hold a named object."""


_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {"true": True, "false": False, "null": None, "none": None}
_DEEPEST = 20


class Overrides(dict[str, Any]):
    """Values by dotted path; each replaces what stands there, a dict as a whole."""


def parse(words: Iterable[str]) -> tuple[list[str], Overrides]:
    """Split the words after ``with`` into names of configurations and overrides.

    A value is read as a Python literal, ``true``, ``false`` and ``null`` included, else as text.
    """
    names: list[str] = []
    overrides = Overrides()
    for word in words:
        path, equals, value = word.partition("=")
        path = path.strip()
        if not equals:
            names.append(path)
            continue
        check_path(path, word)
        overrides.pop(path, None)
        overrides[path] = as_json(_value(value.strip()), path)
    return names, overrides


def as_overrides(updates: Mapping[str, Any]) -> Overrides:
    """Return updates, nested or not, as values by dotted path."""
    if isinstance(updates, Overrides):
        return updates
    overrides = Overrides()
    for path, value in flatten(updates):
        check_path(path, f"{path}=...")
        overrides[path] = as_json(value, path)
    return overrides


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def check_path(path: str, word: str) -> None:
    """Raise a ConfigError unless a path is names joined by dots."""
    if not all(_KEY.fullmatch(part) for part in path.split(".")):
        raise ConfigError(
            f"{word!r} is no override: allowed is key=value, with names joined by dots as the key"
        )


def as_json(value: Any, path: str, depth: int = 0) -> Any:
    """Return a value as JSON holds it: tuples as lists, keys as plain names.

    Raises:
        ConfigError: naming the path, for a set, bytes and whatever else JSON has no form for.

    """
    if depth > _DEEPEST:
        raise ConfigError(f"{path} is nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not _KEY.fullmatch(key):
                raise ConfigError(f"{path} has the key {key!r}: allowed are plain names")
        return {key: as_json(item, f"{path}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item, path, depth + 1) for item in value]
    if isinstance(value, str) and not _is_text(value):
        raise ConfigError(f"{path} = {value!r}: allowed is text that files and systems can name")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        return as_json(item(), path, depth + 1)
    if path.rpartition(".")[2] in (*NAMED, "callbacks") and not isinstance(
        value, type | set | bytes
    ):
        return as_json(_plain(value, path), path, depth + 1)
    raise ConfigError(
        f"{path} = {value!r}: allowed are numbers, text, true, false, null, lists and dicts of them"
    )


def _plain(value: Any, path: str) -> Any:
    """Return a rule, a scheme, a law or a callback as its name and fields."""
    from bnpo.presets.named import plain

    try:
        return plain(value)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _is_text(value: str) -> bool:
    """Return whether text can be encoded, names of files that are no text included."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def flatten(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted path and value of every leaf, names first; an empty dict is a leaf."""
    for key, value in sorted(nested.items(), key=lambda item: item[0] != "name"):
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{path}.")
        else:
            yield path, value


def differing_keys(configs: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Return the keys on which configurations differ, with the value of each (None: absent)."""
    flat = [{key: value for key, value in flatten(config) if value != {}} for config in configs]
    keys = dict.fromkeys(key for config in flat for key in config)
    rows = ((key, [config.get(key) for config in flat]) for key in keys)
    return [(key, values) for key, values in rows if any(v != values[0] for v in values[1:])]


def merge(base: MutableMapping[str, Any], other: Mapping[str, Any]) -> None:
    """Put the entries of ``other`` into ``base``, dicts into dicts, in the order they come.

    A named object of another name replaces the one that is there, whose fields are not its own.
    """
    for key, value in other.items():
        there = base.get(key)
        if (
            not isinstance(value, Mapping)
            or not isinstance(there, MutableMapping)
            or (key in NAMED and value.get("name", there.get("name")) != there.get("name"))
        ):
            base[key] = value
        else:
            merge(there, value)


def put(config: MutableMapping[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path.

    The fields of a named object (a rule, a scheme, a law) can be set where so far only its name
    stands: ``credit.ratio=0.5`` makes ``"her"`` into ``{"name": "her", "ratio": 0.5}``. Another
    name leaves nothing of the fields that stand there.

    Raises:
        ConfigError: where the path leads through a value that has no fields.

    """
    *parents, last = path.split(".")
    place: Any = config
    for depth, part in enumerate(parents):
        below = place.get(part)
        if part in NAMED and not isinstance(below, Mapping):
            below = place[part] = {} if below is None else {"name": below}
        elif below is None:
            below = place[part] = {}
        if not isinstance(below, MutableMapping):
            above = ".".join(parents[: depth + 1])
            raise ConfigError(f"{path} cannot be set: {above} = {below!r} has no fields")
        place = below
    if last == "name" and parents[-1:] and parents[-1] in NAMED and place.get("name") != value:
        place.clear()
    place[last] = value
