"""The options of a command that takes no run's configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from bnpo.compose.overrides import as_overrides
from bnpo.compose.schema import defaults, names_of, refuse_unknown
from bnpo.errors import ConfigError

__all__ = ["compose_options"]

Options = TypeVar("Options")


def compose_options(
    command: str, kind: type[Options], named: Sequence[str], updates: Mapping[str, Any]
) -> Options:
    """Return the options of a command, checked.

    Args:
        command: its name, for messages
        kind: class of its options
        named: names of configurations, which it does not take
        updates: values of the options

    Raises:
        ConfigError: for a named configuration, an unknown key, a missing one, a bad value.

    """
    if named:
        raise ConfigError(
            f"{command} takes no named configuration, {named[0]!r} was given: allowed is "
            + ", ".join(f"{name}=..." for name in names_of(kind))
        )
    overrides = as_overrides(updates)
    refuse_unknown(overrides, names_of(kind))
    for name in names_of(kind):
        if name not in overrides and name not in defaults(kind):
            raise ConfigError(f"{name} is missing: bnpo {command} with {name}=...")
    return kind(**overrides)
