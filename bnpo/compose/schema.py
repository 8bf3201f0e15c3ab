"""What a configuration may hold: its keys, and what a wrong key may mean."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Mapping
from typing import Any

from bnpo.compose.overrides import as_json
from bnpo.config import AgentConfig, BrainDescription, NetworkConfig, TaskConfig, TrainConfig
from bnpo.errors import ConfigError, did_you_mean

__all__ = ["check_keys", "defaults", "names_of", "refuse_unknown", "section"]


def names_of(kind: type[Any]) -> list[str]:
    """Return the names of the fields of a configuration object."""
    return [field.name for field in dataclasses.fields(kind)]


def defaults(kind: type[Any], *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of a configuration object that have a default, as JSON holds them."""
    usual: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name in without:
            continue
        if field.default is not dataclasses.MISSING:
            usual[field.name] = as_json(field.default, field.name)
        elif field.default_factory is not dataclasses.MISSING:
            usual[field.name] = as_json(field.default_factory(), field.name)
    return usual


def refuse_unknown(
    keys: Collection[str],
    allowed: Collection[str],
    prefix: str = "",
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Raise a ConfigError for the first key that does not exist, with the nearest that does.

    Args:
        keys: that stand there
        allowed: keys that exist
        prefix: path of where they stand
        elsewhere: paths of keys that stand at another place, by their last part

    """
    for key in keys:
        if key not in allowed:
            hint = did_you_mean(key, allowed, prefix)
            nearest = difflib.get_close_matches(key, elsewhere or {}, n=1)
            if elsewhere and nearest and (not hint or nearest[0] == key):
                hint = f"; did you mean {elsewhere[nearest[0]]}?"
            raise ConfigError(
                f"unknown config key {prefix}{key}{hint} (allowed: {', '.join(sorted(allowed))})"
            )


def check_keys(run: Mapping[str, Any], named: Mapping[str, Mapping[str, type[Any]]]) -> None:
    """Raise a ConfigError for the first key of a run's configuration that does not exist.

    Args:
        run: as JSON holds it, or a part of it
        named: classes by name, for each field of a brain that holds a named object

    """
    known = [*names_of(TaskConfig), "agent", "brains", *names_of(TrainConfig)]
    networks_of = {name: f"agent.networks.{name}" for name in names_of(NetworkConfig)}
    agent_of = {name: f"agent.{name}" for name in names_of(AgentConfig)}
    refuse_unknown(run, known, elsewhere={**networks_of, **agent_of})
    agent = section(run, "agent")
    refuse_unknown(agent, names_of(AgentConfig), "agent.")
    networks = section(agent, "networks", "agent.")
    refuse_unknown(networks, names_of(NetworkConfig), "agent.networks.")
    brains = section(run, "brains")
    for name in brains:
        _check_brain(section(brains, name, "brains."), f"brains.{name}.", named)


def section(config: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any]:
    """Return a part of a configuration that must be a dict; an absent one is empty."""
    value = config.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{prefix}{key} = {value!r}: allowed is a dict of fields")
    return value


def _check_brain(
    brain: Mapping[str, Any], prefix: str, named: Mapping[str, Mapping[str, type[Any]]]
) -> None:
    allowed = [name for name in names_of(BrainDescription) if name != "name"]
    refuse_unknown(brain, allowed, prefix)
    for key, known in named.items():
        fields = brain.get(key)
        if not isinstance(fields, Mapping):
            continue
        if not isinstance(fields.get("name"), str):
            raise ConfigError(
                f"{prefix}{key}.name = {fields.get('name')!r}: allowed is one of "
                + ", ".join(sorted(known))
            )
        kind = known.get(fields["name"])
        if kind is not None and dataclasses.is_dataclass(kind):
            refuse_unknown(fields, ["name", *names_of(kind)], f"{prefix}{key}.")
