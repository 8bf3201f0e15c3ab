"""Text on the standard output: lines and tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bnpo.errors import printable

__all__ = ["columns", "markdown", "say", "table"]


def say(text: str) -> None:
    """Write a line, or several, to the standard output; escapes for what it has no letters for."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Set rows of name and value in two columns."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {printable(value)}" for name, value in rows)


def columns(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set rows under titles; columns of figures are aligned on the right."""
    rows = [[printable(cell) for cell in row] for row in rows]
    titles = [printable(title) for title in titles]
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


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set rows under titles as a table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _is_figure(cell: str) -> bool:
    return cell == "-" or cell.lstrip("-+").replace(",", "").replace(".", "").isdigit()
