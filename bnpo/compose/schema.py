"""What a run's configuration may hold: its keys, their defaults, and what a wrong key may mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import Field

from bnpo.brains.registry import RULES
from bnpo.compose.overrides import as_json
from bnpo.config import AgentConfig, BrainDescription, NetworkConfig, TrainConfig, config
from bnpo.credit.registry import SCHEMES
from bnpo.errors import ConfigError, did_you_mean
from bnpo.replay import LAWS

__all__ = ["TaskConfig", "check_keys", "defaults", "names_of", "refuse_unknown"]


@config
class TaskConfig:
    """What a run is about: the keys beside the brains, the agent and the fields of TrainConfig."""

    env: str
    """Gymnasium id of the environment."""

    env_kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Arguments with which the environment is made."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of everything that is drawn in the run."""

    preset: str | None = None
    """Where the brains come from: a label."""

    tensorboard: bool = False
    """Leave TensorBoard event files in the run's folder, too (extra ``tensorboard``)."""


_REGISTRIES: dict[str, Mapping[str, type[Any]]] = {
    "rule": RULES,
    "credit": SCHEMES,
    "sampler": LAWS,
}


def names_of(kind: type[Any]) -> list[str]:
    """Names of the fields of a configuration object."""
    return [field.name for field in dataclasses.fields(kind)]


def defaults(kind: type[Any], *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of a configuration object that have a default, as JSON holds them."""
    made: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in without:
            continue
        if field.default is not dataclasses.MISSING:
            made[field.name] = as_json(field.default, field.name)
        elif field.default_factory is not dataclasses.MISSING:
            made[field.name] = as_json(field.default_factory(), field.name)
    return made


def refuse_unknown(given: Collection[str], allowed: Collection[str], prefix: str = "") -> None:
    """Raise a ConfigError for the first key that does not exist, with the nearest that does."""
    for key in given:
        if key not in allowed:
            hint = did_you_mean(key, allowed, prefix)
            raise ConfigError(
                f"unknown config key {prefix}{key}{hint} (allowed: {', '.join(sorted(allowed))})"
            )


def check_keys(run: Mapping[str, Any]) -> None:
    """Raise a ConfigError for the first key of a run's configuration that does not exist."""
    refuse_unknown(run, [*names_of(TaskConfig), "agent", "brains", *names_of(TrainConfig)])
    agent = section(run, "agent")
    refuse_unknown(agent, names_of(AgentConfig), "agent.")
    networks = section(agent, "networks", "agent.")
    refuse_unknown(networks, names_of(NetworkConfig), "agent.networks.")
    brains = section(run, "brains")
    for name in brains:
        _check_brain(section(brains, name, "brains."), f"brains.{name}.")


def section(config: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any]:
    """Return a part of a configuration that must be a dict; an absent one is empty."""
    value = config.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{prefix}{key} = {value!r}: allowed is a dict of fields")
    return value


def _check_brain(brain: Mapping[str, Any], prefix: str) -> None:
    allowed = [name for name in names_of(BrainDescription) if name != "name"]
    refuse_unknown(brain, allowed, prefix)
    for key, registry in _REGISTRIES.items():
        fields = brain.get(key)
        if not isinstance(fields, Mapping):
            continue
        if not isinstance(fields.get("name"), str):
            raise ConfigError(
                f"{prefix}{key}.name = {fields.get('name')!r}: allowed is one of "
                + ", ".join(sorted(registry))
            )
        kind = registry.get(fields["name"])
        if kind is not None and dataclasses.is_dataclass(kind):
            refuse_unknown(fields, ["name", *names_of(kind)], f"{prefix}{key}.")
