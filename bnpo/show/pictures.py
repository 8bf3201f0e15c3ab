"""Pictures and films as callbacks hand them on: encoded, with their size."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bnpo.errors import ConfigError
from bnpo.types.stream import Picture

__all__ = ["picture_of"]

_KINDS = ("png", "gif", "mp4")


def picture_of(name: str, picture: Any) -> Picture:
    """Return a picture, encoded.

    Args:
        name: letters, digits, dots and dashes
        picture: pixels [H, W, 3] of whole numbers, or the path of a PNG, GIF or MP4

    Raises:
        ConfigError: naming the picture, which is neither.

    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise ConfigError(f"picture {name!r}: allowed are letters, digits, dots and dashes")
    if isinstance(picture, str | Path):
        return _read(name, Path(picture))
    pixels = np.asarray(picture)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype.kind not in "ui":
        raise ConfigError(
            f"picture {name!r}: {pixels.dtype} of shape {pixels.shape}: allowed are whole numbers "
            "of shape (height, width, 3), or the path of a PNG, GIF or MP4"
        )
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
    return Picture(buffer.getvalue(), "png", pixels.shape[1], pixels.shape[0])


def _read(name: str, path: Path) -> Picture:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in _KINDS:
        raise ConfigError(f"picture {name!r} = {path}: allowed are {', '.join(_KINDS)}")
    width = height = 0
    try:
        content = path.read_bytes()
        if kind != "mp4":
            width, height = Image.open(io.BytesIO(content)).size
    except OSError as error:
        reason = error.strerror or "it is no picture"
        raise ConfigError(f"picture {name!r} = {path}: {reason}") from None
    return Picture(content, kind, width, height)
