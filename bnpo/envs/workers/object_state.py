"""State of Python objects as plain data, and back into objects that were made alike.

Not a pickle: nothing in it is executed, and no class is looked up that is not loaded already. What
an object holds is put back into the object of the same place; where there is none, a list of
obstacles that were made during an episode say, one is made without calling its class.
"""

from __future__ import annotations

import collections
import functools
import inspect
import pathlib
import re
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from bnpo.envs.workers.value_state import KINDS, class_name

__all__ = ["StateReader", "StateWriter"]

Tree = Any
"""Plain data: None, booleans, numbers, text, arrays, lists and dicts."""

_PLAIN = (bool, int, float, str)

_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    types.MappingProxyType,
    functools.partial,
    pathlib.PurePath,
    range,
    re.Pattern,
    slice,
    property,
    type,
    np.dtype,
    np.ufunc,
    gym.envs.registration.EnvSpec,
)
"""Kinds of objects that are the same in an environment made alike."""

_HOLDS_NOTHING = ("lock", "RLock", "Condition", "Event", "Semaphore", "Logger", "_local")
"""Classes whose objects have no part in a simulation."""

_SEQUENCES = (list, tuple, set, frozenset, collections.deque)

_LARGE = 1_000_000
"""Size of an array above which a part of it is saved alone (bytes)."""

_POINTER = 8
"""Size of a pointer (bytes)."""


class StateReader:
    """Reads the state of objects; one that is met twice is read once."""

    def __init__(self, special: Callable[[Any], Tree | None] = lambda _: None) -> None:
        """Begin.

        Args:
            special: returns the state of objects that it knows, None of others

        """
        self._special = special
        self._met: dict[int, int] = {}
        self._alive: list[Any] = []  # so that no identity is used twice

    def read(self, value: Any, where: str) -> Tree:
        """Return the state of a value.

        Raises:
            ValueError: naming the place of what cannot tell its state.

        """
        if value is None or type(value) in _PLAIN:
            return value
        if isinstance(value, _CODE) or type(value).__name__ in _HOLDS_NOTHING:
            return {"code": True}
        if id(value) in self._met:
            return {"same": self._met[id(value)]}
        self._met[id(value)] = number = len(self._met)
        self._alive.append(value)
        if (state := self._special(value)) is not None:
            return {"number": number, "special": state}
        return {"number": number, "class": class_name(value), **self._parts(value, where)}

    def _parts(self, value: Any, where: str) -> dict[str, Tree]:
        """Return the state of an object that is met for the first time."""
        if _is_view(value):
            base = value.base
            place = [value.ctypes.data - base.ctypes.data, [*value.strides], [*value.shape]]
            return {"base": self.read(base, where), "view": place, "dtype": value.dtype.str}
        for kind in KINDS:
            if kind.holds(value):
                return {kind.name: kind.read(value)}
        if isinstance(value, np.ndarray):
            items = [self.read(item, f"{where}[{i}]") for i, item in enumerate(value.ravel())]
            return {"objects": items, "shape": list(value.shape)}
        if isinstance(value, dict):
            pairs = [
                [self.read(key, f"a key of {where}"), self.read(item, f"{where}[{key!r}]")]
                for key, item in value.items()
            ]
            return {"pairs": pairs}
        if isinstance(value, _SEQUENCES):
            items = [self.read(item, f"{where}[{i}]") for i, item in enumerate(value)]
            return {"items": items, "longest": getattr(value, "maxlen", None)}
        held = _attributes(value)
        if held is None:
            raise ValueError(f"{where} is a {class_name(value).replace(':', '.')}")
        return {
            "attributes": {key: self.read(item, f"{where}.{key}") for key, item in held.items()}
        }


class StateWriter:
    """Puts states back into objects that were made alike."""

    def __init__(
        self, packages: set[str], special: Callable[[Any, Tree], None] = lambda *_: None
    ) -> None:
        """Begin.

        Args:
            packages: top-level packages whose classes may be made
            special: puts a state back into an object of those that its reader knew

        """
        self._packages = packages | {"builtins", "collections", "numpy", "random"}
        self._special = special
        self._written: dict[int, Any] = {}
        self._reused: set[int] = set()  # what is there takes one state: it may be shared where
        # the objects of the state are not

    def write(self, there: Any, state: Tree) -> Any:
        """Return what belongs in a place: what is there, changed, or something new.

        Raises:
            ValueError: the state is of other objects.

        """
        if not isinstance(state, Mapping):
            return state
        if "code" in state:
            return there
        if "same" in state:
            return self._written[state["same"]]
        number = state["number"]
        if "special" in state:
            self._written[number] = there
            self._special(there, state["special"])
            return there
        kind = self._class(there, state["class"])
        free = type(there) is kind and id(there) not in self._reused
        self._reused.add(id(there))
        value = self._value(there, kind, state, free=free)
        self._written[number] = value
        return value

    def _value(self, there: Any, kind: Any, state: Mapping[str, Tree], *, free: bool) -> Any:
        """Return a value; what is there is changed where it is free, else it is an example."""
        if "view" in state:
            base = self.write(getattr(there, "base", None), state["base"])
            offset, strides, shape = state["view"]
            return np.ndarray(shape, state["dtype"], base, offset, strides)
        for one in KINDS:
            if one.name in state:
                return one.write(there if free else None, state[one.name], kind)
        if "attributes" in state:
            return self._object(there, kind, state, free=free)
        if "pairs" in state:
            return self._mapping(there, kind, state, free=free)
        if "objects" in state:
            array = np.empty(tuple(state["shape"]), object)
            self._written[state["number"]] = array
            fits = isinstance(there, np.ndarray) and there.shape == array.shape
            places = [*np.ndindex(array.shape)]
            for place, item in zip(places, state["objects"], strict=True):
                array[place] = self.write(there[place] if fits else None, item)
            return array
        return self._sequence(there, kind, state, free=free)

    def _object(self, there: Any, kind: Any, state: Mapping[str, Tree], *, free: bool) -> Any:
        own = there if free else object.__new__(kind)
        self._written[state["number"]] = own
        held = (_attributes(there) if type(there) is kind else None) or {}
        for key, item in state["attributes"].items():
            value = self.write(held.get(key), item)
            if not free or key not in held or held[key] is not value:
                object.__setattr__(own, key, value)
        for key in set(held) - set(state["attributes"]) if free else ():  # made since
            object.__delattr__(own, key)
        return own

    def _mapping(self, there: Any, kind: Any, state: Mapping[str, Tree], *, free: bool) -> Any:
        before = dict(there) if type(there) is kind else {}
        own = there if free else _empty(kind, there)
        self._written[state["number"]] = own
        own.clear()
        for key, item in state["pairs"]:
            name = self.write(None, key)
            own[name] = self.write(before.get(name), item)
        return own

    def _sequence(self, there: Any, kind: Any, state: Mapping[str, Tree], *, free: bool) -> Any:
        longest = state["longest"]
        free = free and getattr(there, "maxlen", None) == longest
        alike = type(there) is kind and not isinstance(there, set | frozenset)
        before = [*there] if alike else []
        before += [None] * (len(state["items"]) - len(before))
        if not issubclass(kind, list | set | collections.deque):
            items = list(map(self.write, before, state["items"]))
            return kind(*items) if hasattr(kind, "_fields") else kind(items)
        own = there if free else kind() if longest is None else kind([], longest)
        self._written[state["number"]] = own  # it may hold itself
        items = list(map(self.write, before, state["items"]))
        own.clear()
        own.update(items) if isinstance(own, set) else own.extend(items)
        return own

    def _class(self, there: Any, name: str) -> Any:
        """Return a class that is loaded, of a package that environments are from."""
        if class_name(there) == name:
            return type(there)
        module, _, path = name.partition(":")
        kind: Any = sys.modules.get(module)
        if kind is None or module.partition(".")[0] not in self._packages:
            raise ValueError(f"the state holds a {name}, which is none of the environment's")
        for part in path.split("."):
            kind = getattr(kind, part, None)
        if not inspect.isclass(kind):
            raise ValueError(f"the state holds a {name}, which is no class")
        return kind


def _is_view(value: Any) -> bool:
    """Return whether an array shows a part of another one, which is not large."""
    base = getattr(value, "base", None) if isinstance(value, np.ndarray) else None
    return (
        isinstance(base, np.ndarray)
        and base.flags.c_contiguous
        and base.nbytes <= _LARGE
        and value.dtype.kind in "biuf"
        and base.dtype.kind in "biuf"
    )


def _empty(kind: Any, example: Any) -> Any:
    """Return an empty dict of a class; a defaultdict with the factory of an example."""
    if issubclass(kind, collections.defaultdict):
        return kind(getattr(example, "default_factory", None))
    return kind()


def _attributes(value: Any) -> dict[str, Any] | None:
    """Return what an object of Python holds; None for one of compiled code."""
    if isinstance(value, gym.Space):  # but for their generators they never change
        parts = {"spaces": value.spaces} if hasattr(value, "spaces") else {}
        return {"_np_random": value._np_random, **parts}
    names: list[str] = []
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    names = [name for name in names if name not in ("__dict__", "__weakref__")]
    if not hasattr(value, "__dict__") and not names:
        return None
    pure = object.__basicsize__ + (2 + len(names)) * _POINTER  # and a dict, and weak references
    if type(value).__basicsize__ > pure or hasattr(value, "fileno"):
        return None  # compiled code, or a file of the system, holds what cannot be seen
    held = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return held | dict(getattr(value, "__dict__", {}))
