"""Checkpoints: everything that decides a run's future, written whole or not at all.

A checkpoint is a manifest in JSON, which holds everything but the tensors and lists the files of
these with their checksums. Tensors lie in the safetensors format. Neither form can hold code, so
nothing in a checkpoint is ever executed (a torch.load, even of weights only, interprets a pickle).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from bnpo.errors import CheckpointError
from bnpo.runs.checkpoint_files import DataFile, damaged, read_tensors, write_tensors, write_whole
from bnpo.runs.row_parts import Growth, RowParts

__all__ = [
    "FORMAT_VERSION",
    "Loaded",
    "check_checkpoint",
    "files_of",
    "fitting",
    "load",
    "load_checkpoint",
    "policy_alone",
    "save_checkpoint",
]

_MISFIT = (
    *(LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError),
    RuntimeError,  # of torch
)
"""Errors that are raised where values are of other types, or tensors of other shapes."""

FORMAT_VERSION = 2
"""Version of the format: 2 is a manifest and files of tensors; 1 was one file of torch.save."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A checkpoint as it was read."""

    state: dict[str, Any]
    """State that was saved."""

    parts: dict[str, RowParts] = field(default_factory=dict)
    """Where the rows of growing tensors lie, so that the next checkpoint can go on with them."""


def save_checkpoint(
    path: Path,
    state: Mapping[str, Any],
    *,
    growing: Mapping[str, Growth] | None = None,
    parts: Mapping[str, RowParts] | None = None,
) -> dict[str, RowParts]:
    """Write a state of tensors, numbers, strings, lists, tuples and dicts.

    The manifest appears under its name only when all of its files are complete.

    Args:
        path: of the manifest; the tensors' files lie beside it, named by what they hold
        state: what to save
        growing: tensors of it, by path ("agent/replay/storage"), of which only the rows written
            since the last checkpoint are added
        parts: where the rows lay after the last checkpoint; None: none were written

    Returns:
        Where they lie now.

    Raises:
        CheckpointError: naming the file that cannot be written; what was there before still is.

    """
    growing = growing or {}
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    tree = _encode(state, "", tensors, growing)
    now = {key: growth.save((parts or {}).get(key), path.parent) for key, growth in growing.items()}
    body = {
        "state": tree,
        "tensors": write_tensors(path.parent, "state", tensors).as_json(),
        "rows": {key: rows.as_json() for key, rows in now.items()},
    }
    content = {"format": FORMAT_VERSION, "sha256": digest(body), "body": body}
    write_whole(path, json.dumps(content, separators=(",", ":")).encode())
    return now


def load_checkpoint(path: Path, *, rows: bool = True) -> dict[str, Any]:
    """Read a state; nothing in its files is executed.

    Args:
        path: of the manifest
        rows: read the rows of replay and pools as well; else None stands for each, and a policy
            can be had of a checkpoint whose replay is damaged

    Raises:
        CheckpointError: naming the file that is missing, damaged or of another format.

    """
    return load(path, rows=rows).state


def load(path: Path, *, rows: bool = True) -> Loaded:
    """Read a state, and what a later checkpoint needs to add to it.

    Raises:
        CheckpointError: naming the file that is missing, damaged or of another format.

    """
    body = _manifest(path)
    with _whole(path):
        tensors = read_tensors(path.parent, DataFile.of(body["tensors"]))
        parts: dict[str, RowParts] = {}
        grown: dict[str, Tensor | None] = dict.fromkeys(body["rows"])
        for key, entry in body["rows"].items() if rows else ():
            grown[key], parts[key] = RowParts.read(path.parent, entry)
        state: dict[str, Any] = _decode(body["state"], tensors, grown)
        if not isinstance(state, dict):
            raise TypeError("its state is no dict")
    return Loaded(state=state, parts=parts)


def check_checkpoint(path: Path) -> None:
    """Raise a CheckpointError unless the manifest and all of its files are as they were written."""
    for entry in _entries(path):
        entry.read(path.parent)


def files_of(path: Path) -> set[str]:
    """Return the names of the files that a manifest lists; none where it cannot be read."""
    try:
        return {entry.file for entry in _entries(path)}
    except CheckpointError:
        return set()


def _entries(path: Path) -> list[DataFile]:
    body = _manifest(path)
    with _whole(path):
        rows = [DataFile.of(part) for entry in body["rows"].values() for part in entry["parts"]]
        return [DataFile.of(body["tensors"]), *rows]


@contextlib.contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Raise a CheckpointError where a state is read that its run would not have written."""
    try:
        yield
    except CheckpointError:
        raise
    except KeyError as error:
        raise CheckpointError(
            f"checkpoint {path} does not fit its run: it holds no {str(error)[:100]}, as those of "
            "other versions of BNPO may; resume it with the version that wrote it, or train anew"
        ) from None
    except _MISFIT as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise CheckpointError(f"checkpoint {path} does not fit its run: {reason}") from None


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Raise a CheckpointError where a manifest holds what none was written with."""
    try:
        yield
    except CheckpointError:
        raise
    except _MISFIT as error:
        raise damaged(path, error) from None


def _manifest(path: Path) -> dict[str, Any]:
    """Read and check a manifest."""
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} is missing")
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint {path} has format {version!r}; this version reads {FORMAT_VERSION}"
        )
    body = content.get("body")
    if not isinstance(body, dict) or content.get("sha256") != digest(body):
        raise damaged(path, "its checksum is another")
    return body


def digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()


def _encode(
    value: Any, path: str, tensors: dict[str, Tensor], growing: Mapping[str, Growth]
) -> Any:
    """Return a value as JSON holds it; what JSON has no form for becomes a dict of one key."""
    if isinstance(value, Tensor):
        if path in growing:
            return {"rows": path}
        tensors[name := str(len(tensors))] = value
        return {"tensor": name}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    below = f"{path}/" if path else ""
    if isinstance(value, Mapping):
        items = [[k, _encode(v, f"{below}{k}", tensors, growing)] for k, v in value.items()]
        if all(isinstance(key, str) for key in value):
            return {"dict": dict(items)}
        return {"items": items}
    if isinstance(value, list | tuple):
        encoded = [_encode(v, f"{below}{i}", tensors, growing) for i, v in enumerate(value)]
        return {"tuple": encoded} if isinstance(value, tuple) else encoded
    raise TypeError(f"a checkpoint cannot hold {path} = {value!r}")


def _decode(value: Any, tensors: Mapping[str, Tensor], grown: Mapping[str, Tensor | None]) -> Any:
    """Undo :func:`_encode`."""
    if isinstance(value, list):
        return [_decode(item, tensors, grown) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {key: _decode(item, tensors, grown) for key, item in content.items()}
    if kind == "items":
        return {key: _decode(item, tensors, grown) for key, item in content}
    if kind == "tuple":
        return tuple(_decode(content, tensors, grown))
    return {"tensor": tensors, "rows": grown}[kind][content]


def policy_alone(checkpoint: Path, env: str) -> CheckpointError:
    """Return the error about a run that cannot go on."""
    return CheckpointError(
        f"checkpoint {checkpoint} holds a policy alone: {env} cannot tell its state, so its runs "
        "cannot be resumed; evaluate, record and export take the policy"
    )
