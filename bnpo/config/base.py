"""What every configuration object is made with: a validating decorator and types of fields.

Every public configuration object of BNPO is made with :func:`config`. A bad value is refused
when the object is made, with the object, the field, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform

import pydantic
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as validated_dataclass

from bnpo.errors import ConfigError, did_you_mean

__all__ = [
    "Count",
    "Fraction",
    "NonNegative",
    "Positive",
    "Scale",
    "Sizes",
    "Steps",
    "config",
    "nested",
]

T = TypeVar("T")


def _whole(value: Any) -> Any:
    """Return the integer that a number without a fraction is, as 1e6 is one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(_whole), Field(ge=1)]
"""A whole number of at least one."""

Steps = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=2**53)]
"""A number of steps of at least one, and small enough for the integers of a tensor."""

Fraction = Annotated[float, Field(ge=0, le=1)]
"""A number in [0, 1]."""

Positive = Annotated[float, Field(gt=0)]
"""A number above zero."""

NonNegative = Annotated[float, Field(ge=0)]
"""A number of at least zero."""

Scale = Annotated[float, Field(ge=1e-6, le=1e6)]
"""A factor: what is smaller or larger makes densities that no floating point number can hold."""

Sizes = Annotated[tuple[Count, ...], Field(strict=False)]
"""Widths of hidden layers, input side first."""


def _python(value: Any) -> Any:
    """Return NumPy's numbers and arrays as Python's, also inside of lists and tuples."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if type(value) in (list, tuple):
        return type(value)(map(_python, value))
    return value


def _one_line(cls: type[Any], error: ValidationError) -> str:
    name = cls.__name__
    errors = error.errors(include_url=False)
    first = errors[0]
    path = [str(first["loc"][0])] if len(errors) > 1 and first["loc"] else first["loc"]
    field = ".".join(str(part) for part in path)
    if first["type"] == "unexpected_keyword_argument":
        hint = did_you_mean(field, [one.name for one in dataclasses.fields(cls)])
        return f"{name} has no field {field!r}{hint}"
    if first["type"] in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return f"{name}.{field} is missing: it has no default"
    same = [error_there for error_there in errors if error_there["loc"][:1] == first["loc"][:1]]
    allowed = " or ".join(dict.fromkeys(_allowed(error_there["msg"]) for error_there in same))
    if not first["loc"]:
        return allowed  # __post_init__ has said it all
    return f"{name}.{field} = {first['input']!r}: allowed is {allowed}"


def _allowed(message: str) -> str:
    """Return what pydantic says is allowed, without its introduction."""
    for introduction in ("Input should be ", "Value error, ", "Tuple should have "):
        message = message.removeprefix(introduction)
    return message


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(pydantic.fields.Field,)
)
def config(cls: type[T]) -> type[T]:
    """Make a class a frozen, keyword-only, strictly validated dataclass.

    Its constructor raises :class:`ConfigError` (a ValueError) naming the first bad field.
    """
    rules = ConfigDict(
        strict=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False
    )
    validated: Any = validated_dataclass(frozen=True, kw_only=True, config=rules)(cls)
    validating_init: Callable[..., None] = validated.__init__

    @functools.wraps(validating_init)
    def init(self: Any, *args: Any, **fields: Any) -> None:
        if args:
            raise ConfigError(f"{cls.__name__} takes its fields by keyword only")
        try:
            validating_init(self, **{name: _python(value) for name, value in fields.items()})
        except ValidationError as error:
            raise ConfigError(_one_line(cls, error)) from None

    validated.__init__ = init
    checked: type[T] = validated
    return checked


def nested(kind: type[Any]) -> Callable[[Any], Any]:
    """Return a validator that makes the named configuration object of a dict of its fields."""

    def make(value: Any) -> Any:
        return kind(**value) if isinstance(value, Mapping) else value

    return make
