"""Files that are written whole or not at all, and JSON, typed where its reader relies on it."""

from __future__ import annotations

import contextlib
import json
import os
import reprlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

__all__ = ["PARTIAL", "checked", "read_as", "read_json", "replacing", "write_json", "write_whole"]

Kind = TypeVar("Kind")

PARTIAL = ".partial"
"""Ending of a file that is being written."""


@contextlib.contextmanager
def replacing(path: Path, mark: str = "") -> Iterator[Path]:
    """Yield a path to write to; the file takes its name when the block ends without an error.

    After an error what was there before still is, and nothing is left behind.

    Args:
        path: name that the file gets; its folder is made
        mark: tells writers of one name in one process apart

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}{mark}{PARTIAL}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()  # a link of that name would lead elsewhere
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_whole(path: Path, content: bytes, mark: str = "") -> None:
    """Write a file so that its name means the old content or the complete new one.

    Raises:
        OSError: it cannot be written; what was there before still is.

    """
    with replacing(path, mark) as temporary:
        temporary.write_bytes(content)


def _sync_folder(folder: Path) -> None:
    """Make a rename last, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        ValueError: naming the file, where it is missing or damaged.

    """
    try:
        return json.loads(_content(path).decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def read_as(path: Path, kind: type[Kind]) -> Kind:
    """Read JSON as a dataclass, whose annotations every value must fit; other keys are passed over.

    Raises:
        ValueError: naming the file, where it is missing or damaged, and the value.

    """
    try:
        content: Kind = _adapter(cast("Any", kind)).validate_json(_content(path), strict=True)
    except ValidationError as error:
        raise ValueError(f"{path} is damaged: {_first_of(error)}") from None
    return content


def checked(content: Any, kind: type[Kind]) -> Kind:
    """Return plain data as a dataclass, whose annotations every value must fit.

    Raises:
        ValueError: naming the value.

    """
    try:
        result: Kind = _adapter(cast("Any", kind)).validate_python(content)
    except ValidationError as error:
        raise ValueError(_first_of(error)) from None
    return result


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{path} is missing") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def _first_of(error: ValidationError) -> str:
    """Name the first value that is wrong, and what is allowed."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if not place:
        return first["msg"]
    if first["type"] == "missing":
        return f"it has no {place!r}"
    allowed = first["msg"].removeprefix("Input should be ")
    return f"{place} = {reprlib.repr(first['input'])}: allowed is {allowed}"
