"""The picture of the house: rooms of the package, floor by floor, and what each may import.

    python docs/house.py    write docs/house.svg

Rooms and arrows are those of the floor test, descriptions the first lines of the rooms' docstrings;
the site draws the picture anew whenever it is built.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests" / "packaging" / "test_import_floors.py"
PICTURE = Path(__file__).parent / "house.svg"

WIDTH, BOX, HEIGHT, FLOOR = 1080, 200, 66, 98
"""Pixels: the picture's width, a box's width and height, from floor to floor."""

LINE = 33
"""Characters of a line in a box."""

AT_ROOT = {"brains", "credit", "replay"}
"""Rooms that lie at the root of the repository."""

TOP = "bnpo"
"""Name of the namespace itself, whose row in the table is empty."""


def table() -> dict[str, list[str]]:
    """Rooms and the rooms that each may import, as the floor test has them."""
    for node in ast.parse(TABLE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOMS":
            rooms: dict[str, str] = ast.literal_eval(node.value)
            return {room or TOP: sees.split() for room, sees in rooms.items()}
    raise SystemExit(f"{TABLE}: no table ROOMS")


def description(room: str) -> str:
    """First line of a room's docstring, without its own name at the beginning."""
    name = "" if room == TOP else room
    places = [ROOT / "bnpo" / name / "__init__.py", ROOT / "bnpo" / f"{name}.py"]
    path = next(place for place in places if place.exists())
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    line = text.partition("\n")[0].rstrip(".").replace("`", "")
    head, colon, rest = line.partition(": ")
    return rest if colon and head.lower() in {room, name} else line


def floors(rooms: Mapping[str, list[str]]) -> list[list[str]]:
    """Rooms by floor, from the ground up: each stands above every room that it imports."""
    level: dict[str, int] = {}
    for room, sees in rooms.items():
        level[room] = 1 + max((level[one] for one in sees), default=-1)
    return [[room for room in rooms if level[room] == at] for at in range(max(level.values()) + 1)]


def arrows(rooms: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """Imports that do not follow from others: the transitive reduction of the table."""
    below: dict[str, set[str]] = {}
    for room, sees in rooms.items():
        below[room] = set(sees).union(*(below[one] for one in sees))
    return [
        (room, one)
        for room, sees in rooms.items()
        for one in sees
        if not any(one in below[other] for other in sees)
    ]


def draw() -> str:
    """Return the picture as SVG, whose colours follow the page around it."""
    rooms = table()
    storeys = floors(rooms)
    height = len(storeys) * FLOOR + 10
    place: dict[str, tuple[float, float]] = {}
    for at, storey in enumerate(storeys):
        gap = (WIDTH - len(storey) * BOX) / (len(storey) + 1)
        for index, room in enumerate(storey):
            x = gap + index * (BOX + gap)
            place[room] = (x, height - (at + 1) * FLOOR + 20)
    lines = [
        f'<svg class="house" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'role="img" aria-label="Rooms of the package, each above the rooms that it imports" '
        'font-family="system-ui, sans-serif">'
    ]
    for room, one in arrows(rooms):
        (x1, y1), (x2, y2) = place[room], place[one]
        lines.append(
            f'<path d="M{x1 + BOX / 2:.0f} {y1 + HEIGHT:.0f} '
            f'L{x2 + BOX / 2:.0f} {y2:.0f}" fill="none" '
            'stroke="var(--color-foreground-border, #878787)" stroke-opacity="0.6"/>'
        )
    for room, sees in rooms.items():
        lines += box(room, sees, *place[room])
    return "\n".join([*lines, "</svg>"]) + "\n"


def box(room: str, sees: list[str], x: float, y: float) -> list[str]:
    """One room: a link to its page of the reference, with what it may import as a tooltip."""
    page = room if room == TOP else f"bnpo.{room}"
    fill = "var(--color-brand-content, #0a4bff)" if room in AT_ROOT else "currentColor"
    name = f"{room}/" if room in AT_ROOT else page
    lines = textwrap.wrap(description(room), LINE)
    if len(lines) > 3:
        lines = [*lines[:2], textwrap.shorten(" ".join(lines[2:]), LINE, placeholder=" …")]
    link = f'<a href="api/{page}.html">' if room != "__main__" else "<g>"
    return [
        link,
        f"<title>{escape(page)} imports {escape(', '.join(sees)) or 'nothing'}</title>",
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX}" height="{HEIGHT}" rx="6" '
        'fill="var(--color-background-secondary, #f8f9fb)" '
        f'stroke="{fill}" stroke-opacity="0.7"/>',
        f'<text x="{x + 10:.0f}" y="{y + 18:.0f}" font-size="14" font-weight="600" '
        f'fill="{fill}">{escape(name)}</text>',
        *(
            f'<text x="{x + 10:.0f}" y="{y + 33 + 13 * at:.0f}" font-size="11" '
            f'fill="currentColor">{escape(line)}</text>'
            for at, line in enumerate(lines)
        ),
        "</a>" if room != "__main__" else "</g>",
    ]


def write_picture(path: Path) -> None:
    """Write the picture, unless that is what the file holds."""
    picture = draw()
    if not path.exists() or path.read_text(encoding="utf-8") != picture:
        path.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    write_picture(PICTURE)
