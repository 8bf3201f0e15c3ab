"""State of an environment that is written in Python around MuJoCo, to go on from it exactly.

What counts is what the environment and its wrappers hold as numbers, arrays and random generators,
and everything in MuJoCo's data: a step of the Fetch robots reads positions that the last one left
behind, which cannot be computed again from joints and velocities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from bnpo.envs.simulation import mujoco

__all__ = ["get_env_state", "set_env_state"]

_MODEL = ("site_pos", "body_pos", "body_quat", "geom_pos")
"""What environments move in their model."""

_PLAIN = (bool, int, float, str, np.generic)


def get_env_state(env: gym.Env[Any, Any]) -> dict[str, Any]:
    """Return all that an environment's future depends on, as arrays, numbers and dicts.

    Raises:
        ValueError: it is none of MuJoCo's, so what it depends on is not known.

    """
    layers = dict(_layers(env))
    if not any(isinstance(v, mujoco.MjData) for layer in layers.values() for v in _held(layer)):
        raise ValueError(f"{env} cannot tell its state: it is none of MuJoCo's")
    return {name: _layer_state(layer) for name, layer in layers.items()}


def set_env_state(env: gym.Env[Any, Any], state: Mapping[str, Any]) -> None:
    """Go to a state that :func:`get_env_state` of an environment made alike returned.

    Raises:
        ValueError: it is the state of another environment.

    """
    layers = dict(_layers(env))
    if layers.keys() != state.keys():
        raise ValueError(f"the state of {', '.join(state)} is not one of {', '.join(layers)}")
    for name, layer in layers.items():
        _restore_layer(layer, state[name])


def _layers(env: Any, name: str = "env") -> Iterator[tuple[str, Any]]:
    """Yield the environment and all that it wraps or holds."""
    yield name, env
    for key, value in vars(env).items():
        if isinstance(value, gym.Env):
            yield from _layers(value, f"{name}.{key}")


def _held(layer: Any) -> list[Any]:
    return list(vars(layer).values())


def _layer_state(layer: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"values": {}, "generators": {}, "data": {}, "model": {}}
    for key, value in vars(layer).items():
        if isinstance(value, np.ndarray) and value.dtype != np.object_:
            made["values"][key] = value.copy()
        elif value is None or isinstance(value, _PLAIN):
            made["values"][key] = value
        elif isinstance(value, np.random.Generator):
            made["generators"][key] = value.bit_generator.state
        elif isinstance(value, mujoco.MjData):
            made["data"][key] = {name: array.copy() for name, array in _arrays(value)}
            made["data"][key]["time"] = value.time
        elif isinstance(value, mujoco.MjModel):
            made["model"][key] = {name: getattr(value, name).copy() for name in _MODEL}
    return made


def _restore_layer(layer: Any, state: Mapping[str, Any]) -> None:
    own = vars(layer)
    for key, value in state["values"].items():
        there = own.get(key)
        if isinstance(there, np.ndarray) and there.shape == np.shape(value):
            own[key] = np.array(value, there.dtype)
        else:
            own[key] = np.array(value) if isinstance(value, np.ndarray) else value
    for key, value in state["generators"].items():
        generator, _ = gym.utils.seeding.np_random(0)
        generator.bit_generator.state = value
        own[key] = generator
    for key, arrays in state["data"].items():
        for name, array in _arrays(own[key]):
            array[...] = arrays[name]
        own[key].time = arrays["time"]
    for key, arrays in state["model"].items():
        for name in _MODEL:
            getattr(own[key], name)[...] = arrays[name]


def _arrays(data: Any) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield the arrays of MuJoCo's data that last from step to step: those in its buffer.

    The others, contacts and constraints, are made anew by every step where it finds room.
    """
    first = data.qpos.ctypes.data
    for name in dir(data):
        value = None if name.startswith("_") else getattr(data, name)
        if not isinstance(value, np.ndarray) or not value.size:
            continue
        if 0 <= value.ctypes.data - first < data.nbuffer:
            yield name, value
