"""Values that hold no other objects as plain data: arrays, numbers, text, random generators."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import random
import sys
import uuid
from array import array as typed_array
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["KINDS", "Kind", "class_name"]

_GENERATORS = (np.random.Generator, np.random.RandomState)

_HELD_AS = {"u2": "<i4", "u4": "<i8", "u8": "<i8"}
"""Types of arrays that a checkpoint cannot hold, and the type that holds their numbers."""


class Kind(NamedTuple):
    """Kind of values that are read and written alike."""

    name: str
    """Key under which its state lies"""

    holds: Callable[[Any], bool]
    """Whether a value is of the kind"""

    read: Callable[[Any], Any]
    """Returns the state of a value"""

    write: Callable[[Any, Any, Any], Any]
    """Returns a value; takes what is there, the state and the class"""


def class_name(value: Any) -> str:
    """Return the name of the class of an object, with its module."""
    return f"{type(value).__module__}:{type(value).__qualname__}"


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufU"


def _read_array(value: np.ndarray[Any, Any]) -> Any:
    """Return the state of an array; text as a list, since tensors cannot hold it."""
    shape, kind = list(value.shape), value.dtype.str
    if value.dtype.kind == "U":
        return {"array": value.ravel().tolist(), "dtype": kind, "shape": shape}
    held = value.astype(_HELD_AS.get(kind[1:], kind))
    return {"array": np.ascontiguousarray(held).ravel(), "dtype": kind, "shape": shape}


def _write_array(there: Any, state: Any, _: Any = None) -> Any:
    array = np.asarray(state["array"]).astype(state["dtype"]).reshape(state["shape"])
    if (
        isinstance(there, np.ndarray)
        and there.shape == array.shape
        and there.dtype == array.dtype
        and there.flags.writeable
        and not isinstance(there.base, np.ndarray)  # a view of something else
    ):
        there[...] = array
        return there
    return array


def _read_generator(value: Any) -> Any:
    if isinstance(value, np.random.Generator):
        return _plain(value.bit_generator.state)
    return _plain(value.get_state(legacy=False))


def _plain(value: Any) -> Any:
    """Return the state of a bit generator with whole numbers that a checkpoint can hold."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.astype(np.int64)
    return value.item() if isinstance(value, np.generic) else value


def _write_generator(there: Any, state: Any, kind: Any) -> Any:
    if issubclass(kind, np.random.Generator):
        bits = getattr(np.random, str(state["bit_generator"]))
        own = there if isinstance(there, kind) else kind(bits())
        if type(own.bit_generator) is not bits:
            own = kind(bits())
        own.bit_generator.state = state
        return own
    own = there if isinstance(there, kind) else kind()
    own.set_state(state)
    return own


def _read_python(value: random.Random) -> Any:
    version, words, cached = value.getstate()
    return [version, np.array(words, np.int64), cached]


def _write_python(there: Any, state: Any, _: Any) -> Any:
    version, words, cached = state
    own = there if isinstance(there, random.Random) else random.Random()
    own.setstate((version, tuple(map(int, words)), cached))
    return own


def _of_torch(value: Any, name: str) -> bool:
    kind = getattr(sys.modules.get("torch"), name, None)
    return kind is not None and isinstance(value, kind)


def _is_tensor(value: Any) -> bool:
    return _of_torch(value, "Tensor")


def _write_torch_generator(there: Any, state: Any, kind: Any) -> Any:
    own = there if isinstance(there, kind) else kind()
    own.set_state(sys.modules["torch"].from_numpy(np.array(state, np.uint8)))
    return own


def _write_record(there: Any, state: Any, _: Any) -> Any:
    """Fill the array of fields that is there: its type is code, not state."""
    if not isinstance(there, np.ndarray) or there.nbytes != len(state):
        raise ValueError("an array of fields has another size than the one that was saved")
    there[...] = np.frombuffer(np.asarray(state, np.uint8).tobytes(), there.dtype).reshape(
        there.shape
    )
    return there


def _text(entropy: Any) -> Any:
    """Return entropy, whose numbers may be longer than those of a checkpoint, as text."""
    return str(entropy) if isinstance(entropy, int) else [str(word) for word in entropy]


def _number(text: Any) -> Any:
    return int(text) if isinstance(text, str) else [int(word) for word in text]


def _write_tensor(there: Any, state: Any, _: Any) -> Any:
    own = sys.modules["torch"].from_numpy(np.array(_write_array(None, state)))
    if _is_tensor(there) and there.shape == own.shape and there.dtype == own.dtype:
        there.data.copy_(own)
        return there
    return own


KINDS = (
    Kind("array", _is_array, _read_array, _write_array),
    Kind(
        "scalar",
        lambda value: isinstance(value, np.generic) and value.dtype.kind in "biufU",
        lambda value: _read_array(np.asarray(value)),
        lambda _, state, kind: kind(_write_array(None, state)[()]),
    ),
    Kind(
        "enum",
        lambda value: isinstance(value, enum.Enum),
        lambda value: value.name,
        lambda _, state, kind: kind[state],
    ),
    Kind(
        "generator",
        lambda value: isinstance(value, _GENERATORS),
        _read_generator,
        _write_generator,
    ),
    Kind(
        "python_generator", lambda value: type(value) is random.Random, _read_python, _write_python
    ),
    Kind(
        "torch_generator",
        lambda value: _of_torch(value, "Generator"),
        lambda value: value.get_state().numpy().copy(),
        _write_torch_generator,
    ),
    Kind(
        "seed_sequence",
        lambda value: type(value) is np.random.SeedSequence,
        lambda value: [_text(value.entropy), [*value.spawn_key], value.n_children_spawned],
        lambda _, state, kind: kind(
            _number(state[0]), spawn_key=state[1], n_children_spawned=state[2]
        ),
    ),
    Kind(
        "record",
        lambda value: (
            isinstance(value, np.ndarray) and value.dtype.kind == "V" and not value.dtype.hasobject
        ),
        lambda value: np.frombuffer(value.tobytes(), np.uint8).copy(),
        _write_record,
    ),
    Kind(
        "text",
        lambda value: type(value) in (decimal.Decimal, fractions.Fraction, uuid.UUID),
        str,
        lambda _, state, kind: kind(state),
    ),
    Kind(
        "iso",
        lambda value: type(value) in (datetime.datetime, datetime.date, datetime.time),
        lambda value: value.isoformat(),
        lambda _, state, kind: kind.fromisoformat(state),
    ),
    Kind(
        "duration",
        lambda value: type(value) is datetime.timedelta,
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda _, state, kind: kind(*state),
    ),
    Kind(
        "typed_array",
        lambda value: type(value) is typed_array,
        lambda value: [value.typecode, value.tolist()],
        lambda _, state, kind: kind(*state),
    ),
    Kind(
        "bytes",
        lambda value: isinstance(value, bytes | bytearray),
        lambda value: np.frombuffer(bytes(value), np.uint8).copy(),
        lambda _, state, kind: kind(np.asarray(state, np.uint8).tobytes()),
    ),
    Kind(
        "complex",
        lambda value: isinstance(value, complex | np.complexfloating),
        lambda value: [float(value.real), float(value.imag)],
        lambda _, state, kind: kind(complex(*state)),
    ),
    Kind(
        "tensor",
        _is_tensor,
        lambda value: _read_array(value.detach().cpu().numpy()),
        _write_tensor,
    ),
)
"""All kinds, the first that holds a value counts."""
