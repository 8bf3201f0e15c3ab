"""Environments by their Gymnasium id; light enough for worker processes, which import it."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, TypeAlias

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from bnpo.errors import did_you_mean

AnyEnv: TypeAlias = gym.Env[Any, Any]


def load_registrations() -> None:
    """Register the environments of gymnasium-robotics, where it is installed."""
    if importlib.util.find_spec("gymnasium_robotics"):
        importlib.import_module("gymnasium_robotics")


def find_spec(env_id: str) -> EnvSpec:
    """Return the registered environment; an unknown id is a ValueError with a suggestion."""
    if not isinstance(env_id, str):
        raise ValueError(f"env_id={env_id!r} must be the id of a Gymnasium environment")
    if env_id not in gym.registry:
        load_registrations()
    if env_id not in gym.registry:
        hint = did_you_mean(env_id, gym.registry)
        raise ValueError(f"unknown environment env_id={env_id!r}{hint}")
    return gym.registry[env_id]


def create(spec: EnvSpec, settings: dict[str, Any]) -> AnyEnv:
    """Make a single environment; what it does not accept is a ValueError."""
    try:
        return gym.make(spec, **settings)
    except TypeError as error:
        raise ValueError(f"{spec.id} cannot be made with {settings!r}: {error}") from error
    except gym.error.DependencyNotInstalled as error:
        raise ValueError(f"{spec.id} cannot be made here: {error}") from error
