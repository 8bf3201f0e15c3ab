"""Files of checkpoints: atomic writes, checksums, tensors without pickle."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from bnpo import files
from bnpo.errors import CheckpointError

__all__ = [
    "NAME",
    "DataFile",
    "damaged",
    "read_tensors",
    "write_tensors",
    "write_whole",
]

NAME = re.compile(r"[a-z]+-[0-9a-f]{24}\.safetensors")
"""Names that files of tensors have: kind and content."""


@dataclass(frozen=True)
class DataFile:
    """A file of tensors as a manifest lists it."""

    file: str
    """Name of the file, in the manifest's folder."""

    sha256: str
    """Checksum of the whole file."""

    nbytes: int
    """Size of the file (bytes)."""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry of a manifest; a name that leads out of the folder is refused."""
        file = cls(entry["file"], entry["sha256"], entry["nbytes"])
        if [type(value) for value in asdict(file).values()] != [str, str, int]:
            raise CheckpointError(
                f"a checkpoint lists {str(entry)[:60]}, which is no file of its own"
            )
        if not NAME.fullmatch(file.file):
            raise CheckpointError(f"a checkpoint lists {file.file!r}, which is no name of its own")
        return file

    def as_json(self) -> dict[str, Any]:
        """Return the entry of a manifest."""
        return asdict(self)

    def read(self, folder: Path) -> bytes:
        """Return the content.

        Raises:
            CheckpointError: naming the file, where it is missing or not as it was written.

        """
        path = folder / self.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise damaged(path, error.strerror) from None
        if len(content) != self.nbytes:
            raise damaged(path, f"it has {len(content):,} bytes instead of {self.nbytes:,}")
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise damaged(path, "its checksum is another")
        return content


def damaged(path: Path, reason: object) -> CheckpointError:
    """Return the error about a file that is not as it was written."""
    text = " ".join(str(reason).split())[:100]
    return CheckpointError(f"checkpoint {path} is damaged: {text}")


def write_tensors(folder: Path, kind: str, tensors: Mapping[str, Tensor]) -> DataFile:
    """Write tensors into a file that is named by its kind and content; the same content is kept.

    Raises:
        CheckpointError: naming the file, where it cannot be written.

    """
    content = safetensors.save(_apart(tensors))
    digest = hashlib.sha256(content).hexdigest()
    entry = DataFile(f"{kind}-{digest[:24]}.safetensors", digest, len(content))
    path = folder / entry.file
    if not _holds(path, content):  # a damaged one is written anew
        write_whole(path, content)
    return entry


def read_tensors(folder: Path, entry: DataFile) -> dict[str, Tensor]:
    """Read what :func:`write_tensors` wrote.

    Raises:
        CheckpointError: naming the file, where it is missing or damaged.

    """
    content = entry.read(folder)
    try:
        tensors: dict[str, Tensor] = safetensors.load(content)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise damaged(folder / entry.file, error) from None
    return tensors


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its name means the old content or the complete new one.

    Raises:
        CheckpointError: naming the file; what was there before still is.

    """
    try:
        files.write_whole(path, content)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CheckpointError(f"checkpoint {path} cannot be written: {reason}") from None


def _holds(path: Path, content: bytes) -> bool:
    """Return whether a file is there and as it was written."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors on the CPU, none of which shares its memory with another."""
    apart: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        storage = plain.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != plain.nbytes:
            plain = plain.clone(memory_format=torch.contiguous_format)
        seen.add(plain.untyped_storage().data_ptr())
        apart[name] = plain
    return apart
