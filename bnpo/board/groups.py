"""Groups of runs that differ by their seed alone, and what tells one group from another."""

from __future__ import annotations

from bnpo.board.details import differences
from bnpo.board.rows import Row
from bnpo.board.watching import Watch

__all__ = ["labels"]

_KEYS = 2
"""Differing keys that a label tells."""

_MOST = 24
"""Groups of one name whose configurations are compared; of more, numbers tell them apart."""


def labels(watch: Watch) -> dict[str, str]:
    """Return a label for each group: preset and task, and the keys by which like ones differ."""
    first: dict[str, Row] = {}
    for row in watch.rows():
        first.setdefault(row.group, row)
    alike: dict[str, list[Row]] = {}
    for row in first.values():
        alike.setdefault(_name(row), []).append(row)
    by_group: dict[str, str] = {}
    for name, rows in alike.items():
        endings = [""] if len(rows) == 1 else _endings(rows, watch)
        by_group |= {row.group: name + ending for row, ending in zip(rows, endings, strict=True)}
    return by_group


def _name(row: Row) -> str:
    if row.task is None:
        return row.run
    return f"{row.preset or 'own brains'} · {row.task.removeprefix('bnpo/')}"


def _endings(rows: list[Row], watch: Watch) -> list[str]:
    """Return what tells each of several groups of one name from the others."""
    places = [row.place for row in rows]
    if len({*places}) == len(rows):
        return [f" · {place or watch.root.name}" for place in places]
    paths = [watch.folder(row.id) for row in rows]
    folders = [path for path in paths if path is not None]
    if len(folders) < len(rows) or len(rows) > _MOST:
        return [f" · {number}" for number in range(1, len(rows) + 1)]
    endings = [""] * len(rows)
    for key, values in [one for one in differences(folders) if one[0] != "seed"][:_KEYS]:
        if len({*endings}) < len(rows):  # they are not told apart yet
            parts = [f" · {key.rpartition('.')[2]}={value}"[:40] for value in values]
            endings = [ending + part for ending, part in zip(endings, parts, strict=True)]
    if len({*endings}) < len(rows):
        places = (
            places if len({*places}) == len(rows) else [str(n) for n in range(1, len(rows) + 1)]
        )
        endings = [f"{ending} · {place}" for ending, place in zip(endings, places, strict=True)]
    return endings
