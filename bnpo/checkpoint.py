"""Checkpoints: everything that decides a run's future, in one file, written whole or not at all."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

__all__ = ["FORMAT_VERSION", "CheckpointError", "load_checkpoint", "save_checkpoint"]

FORMAT_VERSION = 1


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged or of another format; the message names the file."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers, strings, lists and dicts.

    The file appears under its name only when it is complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as file:
        torch.save({"format": FORMAT_VERSION, "state": state}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state; nothing in the file is executed.

    Raises:
        CheckpointError: naming the file, where it is missing, damaged or of another format.

    """
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} is missing")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, zipfile.BadZipFile, OSError) as error:
        reason = str(error).splitlines()[0][:100]
        raise CheckpointError(f"checkpoint {path} is damaged: {reason}") from None
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint {path} has format {version!r}; this version reads {FORMAT_VERSION}"
        )
    state: dict[str, Any] = content["state"]
    return state
