"""Keys of configuration objects: what each means, what it may be, and what it is by default."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from bnpo.config.agent import AgentConfig
from bnpo.config.brain import BrainDescription
from bnpo.config.network import NetworkConfig
from bnpo.config.run import TaskConfig
from bnpo.config.train import TrainConfig

__all__ = ["BRAIN", "Key", "keys_of", "meanings_of", "run_keys"]

BRAIN = "NAME"
"""Stands for the name of a brain in paths of keys."""

_WORDS: dict[Any, str] = {
    bool: "True or False",
    int: "whole number",
    float: "number",
    str: "text",
    type(None): "None",
    Any: "name, alone or with fields",
    dict: "dict",
    Callable: "function",
}
_BOUNDS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a configuration."""

    path: str
    """Path of the key, such as ``agent.gamma``"""

    allowed: str
    """Values that are allowed, in words"""

    default: str | None
    """Value by default, as text; None if the key has to be given"""

    meaning: str
    """Meaning of the key: the docstring under its field"""


def meanings_of(kind: type[Any]) -> dict[str, str]:
    """Return the docstring under each field of a configuration class."""
    documented = re.findall(
        r'^    (\w+): [^\n]+(?:\n(?!    """)[^\n]+)*?\n    """(.*?)"""',
        inspect.getsource(kind),
        flags=re.DOTALL | re.MULTILINE,
    )
    return {name: _without_markup(" ".join(text.split())) for name, text in documented}


def _without_markup(text: str) -> str:
    """Return a docstring as a terminal shows it best."""
    return re.sub(r":\w+:`~?([^`]+)`", r"\1", text).replace("``", "")


def keys_of(kind: type[Any], prefix: str = "") -> list[Key]:
    """Return the keys of a configuration class."""
    hints, meanings = get_type_hints(kind, include_extras=True), meanings_of(kind)
    return [
        Key(
            path=prefix + field.name,
            allowed=_allowed(hints[field.name]),
            default=_default(field),
            meaning=meanings.get(field.name, ""),
        )
        for field in dataclasses.fields(kind)
    ]


def run_keys() -> dict[str, Key]:
    """Return all keys of a run's configuration by path, those of a brain under NAME."""
    parts: list[tuple[type[Any], str]] = [
        (TaskConfig, ""),
        (TrainConfig, ""),
        (AgentConfig, "agent."),
        (NetworkConfig, "agent.networks."),
        (BrainDescription, f"brains.{BRAIN}."),
    ]
    keys = [key for kind, prefix in parts for key in keys_of(kind, prefix)]
    without = ("agent.networks", f"brains.{BRAIN}.name")
    return {key.path: key for key in keys if key.path not in without}


def _allowed(hint: Any) -> str:
    """Say what a type allows."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return " ".join([_allowed(arguments[0]), *_bounds(arguments[1:])])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_allowed, arguments))
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in (list, tuple):
        return f"list of {_allowed(arguments[0]).replace('number', 'numbers')}"
    return _WORDS.get(origin or hint, getattr(hint, "__name__", str(hint)))


def _bounds(metadata: tuple[Any, ...]) -> list[str]:
    """Say what the metadata of a field allow."""
    bounds = [bound for one in metadata for bound in getattr(one, "metadata", ())]
    limits = [
        (words, getattr(bound, name, None)) for bound in bounds for name, words in _BOUNDS.items()
    ]
    return [words.format(_figure(value)) for words, value in limits if value is not None]


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _default(field: dataclasses.Field[Any]) -> str | None:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return None
    return repr(list(value) if isinstance(value, tuple) else value)
