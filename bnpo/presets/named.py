"""Rules, credit schemes and sampling laws by name: those of the package, and a user's own.

An own class is named by its module, ``package.module:Name``, alone or with the arguments of its
constructor: ``{"name": "package.module:Name", "scale": 0.1}``.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from bnpo.brains.registry import RULES
from bnpo.credit.registry import SCHEMES
from bnpo.errors import ConfigError, did_you_mean
from bnpo.extras import imported
from bnpo.replay import LAWS
from bnpo.types.callback import Callback

__all__ = ["REGISTRIES", "made_of", "name_of", "names_modules", "plain", "unnamed_parts"]

REGISTRIES: dict[str, Mapping[str, type[Any]]] = {
    "rule": RULES,
    "credit": SCHEMES,
    "sampler": LAWS,
}
"""Classes by name, for each field of a brain that holds a named object."""

_NEEDED = {
    "rule": ("pathwise", "objective"),
    "credit": ("assign",),
    "sampler": ("needs", "priority", "reweights", "weight", "fresh"),
}
"""What an own object must have."""

_NAMES = {kind: name for known in REGISTRIES.values() for name, kind in known.items()}


def made_of(key: str, value: Any) -> Any:
    """Return the object that a name, alone or with fields, stands for.

    A name alone that is not known stays, for the agent to refuse with what it allows.

    Args:
        key: rule, credit or sampler
        value: as JSON holds it

    Raises:
        ConfigError: naming the field and what cannot work.

    """
    fields = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = fields.pop("name", None)
    known = REGISTRIES[key]
    if isinstance(name, str) and ":" in name:
        return _own(key, name, fields)
    if isinstance(name, str) and name in known:
        return known[name](**fields)
    if not isinstance(value, Mapping):
        return value
    hint = did_you_mean(name, known)
    raise ConfigError(
        f"{key}.name = {name!r}: allowed is one of {sorted(known)} or module:Name{hint}"
    )


def name_of(value: Any) -> str | None:
    """Return the name of an object's class among those of the package, None for any other."""
    return _NAMES.get(type(value))


def plain(value: Any, *, strict: bool = True) -> Any:
    """Return a configuration object as JSON holds it, a named one with its name first.

    Args:
        value: what is written
        strict: refuse an object of a class that no other process could import; else it gets the
            name that its own process knows it by (see :func:`unnamed_parts`)

    Raises:
        ConfigError: for such an object.

    """
    if isinstance(value, Mapping):
        return {key: plain(item, strict=strict) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, strict=strict) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    name = name_of(value)
    own = not type(value).__module__.startswith("bnpo.")
    if name is None and (own or isinstance(value, Callback)):
        name = _importable(value) if strict else _own_name(value)
    fields = {field: plain(getattr(value, field), strict=strict) for field in _fields(value)}
    return fields if name is None else {"name": name, **fields}


def _own(key: str, name: str, fields: dict[str, Any]) -> Any:
    """Return an object of a user's own class; nothing is called that is no such class."""
    own = imported(name, key)
    if isinstance(own, type):
        _require_attributes(key, name, own, [_NEEDED[key][-1]])
        try:
            own = own(**fields)
        except TypeError as error:
            raise ConfigError(f"{key} = {name!r} cannot be made of {fields}: {error}") from None
        fields = {}
    _require_attributes(key, name, own, _NEEDED[key])
    if fields:
        raise ConfigError(f"{key} = {name!r} is an object: allowed is its name alone")
    return own


def _require_attributes(key: str, name: str, own: Any, needed: Sequence[str]) -> None:
    """Raise a ConfigError where a class or an object has not what the field needs."""
    if all(hasattr(own, one) for one in needed):
        return
    lacks = [one for one in _NEEDED[key] if not hasattr(own, one)]
    raise ConfigError(
        f"{key} = {name!r}: allowed is a class or an object with {', '.join(_NEEDED[key])}; it "
        f"lacks {', '.join(lacks)}"
    )


def names_modules(config: Any) -> bool:
    """Whether something in a configuration is named by its module, which would be imported."""
    brains = config.get("brains") if isinstance(config, Mapping) else None
    for brain in brains.values() if isinstance(brains, Mapping) else ():
        for key in REGISTRIES if isinstance(brain, Mapping) else ():
            value = brain.get(key)
            name = value.get("name") if isinstance(value, Mapping) else value
            if isinstance(name, str) and ":" in name:
                return True
    return False


def unnamed_parts(config: Mapping[str, Any]) -> list[str]:
    """Return what no other process could make of a run's configuration: paths and names."""
    unnamed = []
    for brain, fields in config["brains"].items():
        for key in REGISTRIES:
            value = fields.get(key)
            name = value.get("name") if isinstance(value, Mapping) else value
            if isinstance(name, str) and not _is_importable(name):
                unnamed.append(f"brains.{brain}.{key} = {name}")
    return unnamed


def _is_importable(name: str) -> bool:
    """Whether a name, of a class of the package or ``module:Name``, is that of a module."""
    return not name.startswith("__main__:") and "<" not in name


def _own_name(value: Any) -> str:
    """Return the name by which the process that has it finds the class of an object."""
    return f"{type(value).__module__}:{type(value).__qualname__}"


def _importable(value: Any) -> str:
    """Return the name by which another process finds the class of an object."""
    kind, name = type(value), _own_name(value)
    if not _is_importable(name):
        raise ConfigError(
            f"{kind.__name__} is defined in {kind.__module__}.{kind.__qualname__}, where no other "
            "process finds it: put it into a module, then it is called module:Name"
        )
    return name


def _fields(value: Any) -> list[str]:
    """Names of what makes an object: its fields, or what its constructor takes and it keeps."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    try:
        names = inspect.signature(type(value)).parameters
    except ValueError:  # of a class that is not written in Python
        return []
    return [name for name in names if hasattr(value, name)]
