"""State of an environment that is written in Python, to go on from it exactly.

What counts is all that the environment and its wrappers hold: numbers, arrays, lists, objects,
random generators, and everything in MuJoCo's data and what was changed in its model. A step of the
Fetch robots reads positions that the last one left behind, which cannot be computed again from
joints and velocities. An environment with ``get_state()`` and ``set_state(state)`` of its own is
asked instead.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from bnpo.envs.spaces import layers
from bnpo.envs.workers.object_state import StateReader, StateWriter

__all__ = ["get_env_state", "set_env_state"]

_OPTIONS = ("gravity", "wind", "magnetic", "timestep", "density", "viscosity")
"""Names of what environments change in the options of their model."""

_LARGE = 100_000
"""Size of a model's array above which it is taken for a mesh or a picture, not saved (bytes)."""


def get_env_state(env: gym.Env[Any, Any]) -> dict[str, Any]:
    """Return all that an environment's future depends on, as plain data.

    Raises:
        ValueError: naming what cannot tell its state.

    """
    state: dict[str, Any] = StateReader(_special).read(env, "env")
    return state


def set_env_state(env: gym.Env[Any, Any], state: Mapping[str, Any]) -> None:
    """Go to a state that :func:`get_env_state` of an environment made alike returned.

    Raises:
        ValueError: it is the state of another environment.

    """
    there, here = state.get("class", "one with a get_state of its own"), _class_of(env)
    if "special" not in state and there != here:
        raise ValueError(f"the state of {there} is not one of {here}")
    packages = {type(layer).__module__.partition(".")[0] for layer in layers(env)}
    writer = StateWriter(packages, lambda held, saved: _write_special(held, saved, packages))
    writer.write(env, state)


def _class_of(env: Any) -> str:
    return f"{type(env).__module__}:{type(env).__qualname__}"


def _special(value: Any) -> Any:
    """Return the state of MuJoCo's structures, and of environments that tell it themselves."""
    if _tells(value):
        generator = getattr(value, "_np_random", None)
        return {
            "own": StateReader().read(value.get_state(), "get_state()"),
            "generator": StateReader().read(generator, "np_random"),
        }
    mujoco = sys.modules.get("mujoco")
    if mujoco is None:
        return None
    if isinstance(value, mujoco.MjData):
        return {"data": _joined(_data_arrays(value)), "time": value.time}
    if isinstance(value, mujoco.MjModel):
        options = {name: np.array(getattr(value.opt, name)) for name in _OPTIONS}
        return {"model": _joined(_model_arrays(value)), "options": options}
    return None


def _write_special(held: Any, saved: Any, packages: set[str]) -> None:
    """Put back what :func:`_special` returned."""

    def written(there: Any, state: Any) -> Any:
        return StateWriter(packages).write(there, state)

    if "own" in saved:
        held.set_state(written(None, saved["own"]))
        if saved["generator"] is not None:
            held._np_random = written(getattr(held, "_np_random", None), saved["generator"])
    elif "data" in saved:
        _part(_data_arrays(held), saved["data"])
        held.time = saved["time"]
    else:
        _part(_model_arrays(held), saved["model"])
        for name, value in saved["options"].items():
            there = getattr(held.opt, name)
            if isinstance(there, np.ndarray):
                there[...] = value
            else:
                setattr(held.opt, name, float(value))


def _tells(env: Any) -> bool:
    """Return whether an environment has ``get_state()`` and ``set_state(state)`` of its own.

    MuJoCo's environments of Gymnasium have a ``set_state`` of joints and velocities: another one.
    """
    get, put = (getattr(type(env), name, None) for name in ("get_state", "set_state"))
    if (
        not isinstance(env, gym.Env)
        or isinstance(env, gym.Wrapper)
        or not (callable(get) and callable(put))
    ):
        return False
    try:
        inspect.signature(get).bind(env)
        inspect.signature(put).bind(env, {})
    except (TypeError, ValueError):
        return False
    return True


def _joined(arrays: Iterator[np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays as one for each type, in their order."""
    parts: dict[str, list[Any]] = {}
    for array in arrays:
        parts.setdefault(array.dtype.str, []).append(array.ravel())
    return {kind: np.concatenate(one) for kind, one in parts.items()}


def _part(arrays: Iterator[np.ndarray[Any, Any]], joined: Mapping[str, Any]) -> None:
    """Write back what :func:`_joined` returned."""
    taken = dict.fromkeys(joined, 0)
    for array in arrays:
        kind = array.dtype.str
        start = taken[kind]
        taken[kind] += array.size
        array[...] = np.asarray(joined[kind][start : taken[kind]]).reshape(array.shape)


def _model_arrays(model: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the numbers of MuJoCo's model that an environment may change."""
    for name in dir(model):
        value = None if name.startswith("_") else getattr(model, name, None)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        if 0 < value.nbytes < _LARGE and value.flags.writeable:
            yield value


def _data_arrays(data: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays of MuJoCo's data that last from step to step: those in its buffer.

    The others, contacts and constraints, are made anew by every step where it finds room.
    """
    first = data.qpos.ctypes.data
    for name in dir(data):
        value = None if name.startswith("_") else getattr(data, name)
        if not isinstance(value, np.ndarray) or not value.size:
            continue
        if 0 <= value.ctypes.data - first < data.nbuffer:
            yield value
