"""What a notebook's cell can show: pieces of HTML, pictures, videos."""

from __future__ import annotations

import base64
import io
from typing import Any

__all__ = ["Page", "image", "png"]


class Page:
    """Piece of HTML that a notebook shows as the result of a cell."""

    def __init__(self, content: str) -> None:
        """Hold this content."""
        self.content = content

    def _repr_html_(self) -> str:
        return self.content

    def __repr__(self) -> str:
        return f"Page({len(self.content):,} characters of HTML)"


def image(data: bytes, kind: str, width: int) -> str:
    """Return a picture as HTML that holds its bytes; width in pixels."""
    text = base64.b64encode(data).decode()
    return f'<img src="data:image/{kind};base64,{text}" width="{width}">'


def png(figure: Any, dpi: int = 80) -> bytes:
    """Return a matplotlib figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
