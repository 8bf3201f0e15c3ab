"""Agents built from plain configuration.

Configuration here is what JSON can hold, so that a run's record rebuilds its agent. Rules, credit
schemes and sampling laws are given by name, or as ``{"name": ..., field: value, ...}``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bnpo.agent import Agent
from bnpo.brains.registry import RULES
from bnpo.config import AgentConfig, BrainDescription, NetworkConfig, TrainConfig
from bnpo.credit.annealing import AnnealedDiscount
from bnpo.credit.registry import SCHEMES
from bnpo.errors import ConfigError
from bnpo.replay import LAWS

__all__ = ["build_agent", "build_brain", "build_train_config"]


def build_brain(name: str, fields: Mapping[str, Any]) -> BrainDescription:
    """Make a brain from plain fields.

    Raises:
        ConfigError: naming the brain and the field.

    """
    made = dict(fields)
    registries: dict[str, Mapping[str, type[Any]]] = {
        "rule": RULES,
        "credit": SCHEMES,
        "sampler": LAWS,
    }
    try:
        for key, registry in registries.items():
            if isinstance(made.get(key), Mapping):
                made[key] = _build(key, made[key], registry)
        return BrainDescription(**{"name": name, **made})
    except ConfigError as error:
        raise ConfigError(f"brains.{name}: {error}") from None


def build_agent(config: Mapping[str, Any]) -> Agent:
    """Make the agent that a run's configuration describes.

    Args:
        config: ``env``, ``env_kwargs``, ``seed``, ``agent`` (fields of AgentConfig) and ``brains``
            (name -> fields of BrainDescription)

    Raises:
        ConfigError: naming the field, its value and what is allowed.

    """
    settings = dict(config.get("agent") or {})
    networks = NetworkConfig(**(settings.pop("networks", None) or {}))
    if isinstance(settings.get("gamma_schedule"), Mapping):
        try:
            settings["gamma_schedule"] = AnnealedDiscount(**settings["gamma_schedule"])
        except ConfigError as error:
            raise ConfigError(f"agent.gamma_schedule: {error}") from None
    agent_config = AgentConfig(**settings, networks=networks)
    brains = [build_brain(name, fields) for name, fields in config["brains"].items()]
    return Agent.for_env(
        config["env"],
        brains,
        seed=config["seed"],
        config=agent_config,
        env_kwargs=dict(config.get("env_kwargs") or {}),
    )


def build_train_config(config: Mapping[str, Any]) -> TrainConfig:
    """Take the fields of TrainConfig out of a run's configuration."""
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    return TrainConfig(**{name: value for name, value in config.items() if name in names})


def _build(key: str, fields: Mapping[str, Any], registry: Mapping[str, type[Any]]) -> Any:
    """Make the named object of a registry with the given fields."""
    rest = dict(fields)
    name = rest.pop("name", None)
    if not isinstance(name, str) or name not in registry:
        raise ConfigError(f"{key}.name = {name!r}: allowed is one of {sorted(registry)}")
    return registry[name](**rest)
