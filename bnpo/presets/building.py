"""Agents and whole runs from plain configuration, and back.

Configuration here is what JSON can hold, so that a run's record rebuilds its agent. Rules, credit
schemes and sampling laws are given by name, or as ``{"name": ..., field: value, ...}``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bnpo.agent import Agent
from bnpo.brains.registry import RULES
from bnpo.config import (
    AgentConfig,
    BrainDescription,
    NetworkConfig,
    RunConfig,
    TaskConfig,
    TrainConfig,
)
from bnpo.credit.annealing import AnnealedDiscount
from bnpo.credit.registry import SCHEMES
from bnpo.errors import ConfigError
from bnpo.replay import LAWS

__all__ = [
    "REGISTRIES",
    "agent_of",
    "build_agent",
    "build_brain",
    "build_train_config",
    "read_config",
    "write_config",
]

REGISTRIES: dict[str, Mapping[str, type[Any]]] = {
    "rule": RULES,
    "credit": SCHEMES,
    "sampler": LAWS,
}
"""Classes by name, for each field of a brain that holds a named object."""

_NAMES = {kind: name for known in REGISTRIES.values() for name, kind in known.items()}


def read_config(config: Mapping[str, Any]) -> RunConfig:
    """Return the configuration of a run that JSON holds, its fields checked one by one.

    Args:
        config: fields of TaskConfig and TrainConfig side by side, ``agent`` (fields of AgentConfig)
            and ``brains`` (name -> fields of BrainDescription)

    Raises:
        ConfigError: naming the field, its value and what is allowed.

    """
    return RunConfig(
        task=TaskConfig(**_fields_of(TaskConfig, config)),
        train=build_train_config(config),
        agent=_read_agent(config.get("agent") or {}),
        brains={name: build_brain(name, fields) for name, fields in config["brains"].items()},
    )


def write_config(run: RunConfig) -> dict[str, Any]:
    """Return a run's configuration as JSON holds it; :func:`read_config` is the way back."""
    parts = {part: _plain(getattr(run, part)) for part in ("task", "train", "agent", "brains")}
    for brain in parts["brains"].values():
        del brain["name"]
    return {**parts.pop("task"), **parts.pop("train"), **parts}


def build_brain(name: str, fields: Mapping[str, Any]) -> BrainDescription:
    """Make a brain from plain fields.

    Raises:
        ConfigError: naming the brain and the field.

    """
    made = dict(fields)
    try:
        for key, known in REGISTRIES.items():
            if made.get(key) is not None:
                made[key] = _named(key, made[key], known)
        return BrainDescription(**{"name": name, **made})
    except ConfigError as error:
        raise ConfigError(f"brains.{name}: {error}") from None


def build_agent(config: Mapping[str, Any]) -> Agent:
    """Make the agent that a run's plain configuration describes (see :func:`read_config`).

    Raises:
        ConfigError: naming the field, its value and what is allowed.

    """
    return agent_of(read_config(config))


def agent_of(run: RunConfig) -> Agent:
    """Make the agent that a run's configuration describes.

    Raises:
        ConfigError: naming what cannot work on the environment.

    """
    task = run.task
    return Agent.for_env(
        task.env,
        list(run.brains.values()),
        seed=task.seed,
        config=run.agent,
        env_kwargs=dict(task.env_kwargs),
    )


def build_train_config(config: Mapping[str, Any]) -> TrainConfig:
    """Take the fields of TrainConfig out of a run's configuration."""
    return TrainConfig(**_fields_of(TrainConfig, config))


def _fields_of(kind: type[Any], config: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: config[name] for name in names if name in config}


def _read_agent(fields: Mapping[str, Any]) -> AgentConfig:
    settings = dict(fields)
    networks = NetworkConfig(**(settings.pop("networks", None) or {}))
    if isinstance(settings.get("gamma_schedule"), Mapping):
        try:
            settings["gamma_schedule"] = AnnealedDiscount(**settings["gamma_schedule"])
        except ConfigError as error:
            raise ConfigError(f"agent.gamma_schedule: {error}") from None
    return AgentConfig(**settings, networks=networks)


def _named(key: str, value: Any, known: Mapping[str, type[Any]]) -> Any:
    """Return the named object that a name, alone or with fields, stands for.

    A name alone that is not known stays, for the agent to refuse with what it allows.
    """
    if isinstance(value, str):
        return known[value]() if value in known else value
    if not isinstance(value, Mapping):
        return value
    rest = dict(value)
    name = rest.pop("name", None)
    if not isinstance(name, str) or name not in known:
        raise ConfigError(f"{key}.name = {name!r}: allowed is one of {sorted(known)}")
    return known[name](**rest)


def _plain(value: Any) -> Any:
    """Return a configuration object as JSON holds it, a named one with its name first."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = _NAMES.get(type(value))
        fields = {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
        return fields if name is None else {"name": name, **fields}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
