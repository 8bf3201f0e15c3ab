"""Agents and whole runs from plain configuration, and back.

Configuration here is what JSON can hold, so that a run's record rebuilds its agent. Rules, credit
schemes and sampling laws are given by name, or as ``{"name": ..., field: value, ...}``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from bnpo.agent import Agent
from bnpo.config import (
    AgentConfig,
    BrainDescription,
    NetworkConfig,
    RunConfig,
    TaskConfig,
    TrainConfig,
)
from bnpo.credit.annealing import AnnealedDiscount
from bnpo.errors import ConfigError
from bnpo.presets.named import REGISTRIES, made_of, plain

__all__ = [
    "agent_of",
    "build_agent",
    "build_brain",
    "build_train_config",
    "read_config",
    "run_of",
    "write_config",
]


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


def write_config(run: RunConfig, *, strict: bool = True) -> dict[str, Any]:
    """Return a run's configuration as JSON holds it; :func:`read_config` is the way back.

    Args:
        run: the configuration
        strict: refuse objects that no other process could make, by a ConfigError

    """
    sections = ("task", "train", "agent", "brains")
    parts = {part: plain(getattr(run, part), strict=strict) for part in sections}
    for brain in parts["brains"].values():
        del brain["name"]
    return {**parts.pop("task"), **parts.pop("train"), **parts}


def build_brain(name: str, fields: Mapping[str, Any]) -> BrainDescription:
    """Make a brain from plain fields.

    Raises:
        ConfigError: naming the brain and the field.

    """
    arguments = dict(fields)
    try:
        for key in REGISTRIES:
            if arguments.get(key) is not None:
                arguments[key] = made_of(key, arguments[key])
        return BrainDescription(**{"name": name, **arguments})
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
    agent = Agent.for_env(
        task.env,
        list(run.brains.values()),
        seed=task.seed,
        config=run.agent,
        env_kwargs=dict(task.env_kwargs),
    )
    agent.run = run
    return agent


def run_of(agent: Agent) -> RunConfig:
    """Return the configuration of an agent, whose training is the usual one if none was given."""
    if agent.run is not None:
        return agent.run
    return RunConfig(
        task=TaskConfig(env=agent.spec.env_id, env_kwargs=agent.env_kwargs, seed=agent.seed),
        agent=agent.config,
        brains={brain.name: brain.description for brain in agent.brains},
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
    if settings.get("device") == "auto":
        settings["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    return AgentConfig(**settings, networks=networks)
