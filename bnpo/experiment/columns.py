"""Tables of many columns, as text."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["columns"]


def columns(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set rows under titles; columns of figures are aligned on the right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    right = [all(_is_figure(row[index]) for row in rows) for index in range(len(titles))]
    lines = []
    for row in (titles, *rows):
        cells = [
            f"{cell:>{width}}" if at_right else f"{cell:<{width}}"
            for cell, width, at_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _is_figure(cell: str) -> bool:
    return cell == "-" or cell.lstrip("-+").replace(",", "").replace(".", "").isdigit()
