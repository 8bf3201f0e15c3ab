"""Rows of trajectories, gathered from several columns at once."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Columns", "Rows"]


class Rows:
    """Rows (segment, time) of trajectories, from which several columns are gathered.

    ``Rows(segment, time).of(column)`` is column[segment, time]. Where segments lie at equal
    distances, views of a wider table included, it is one index_select on a flat view, and columns
    that lie alike share the index.
    """

    __slots__ = ("_flat", "segment", "time")

    def __init__(self, segment: Tensor, time: Tensor) -> None:
        """Rows at segment and time, neither negative; both [B], or of shapes that broadcast."""
        self.segment, self.time = segment, time
        self._flat: dict[int, Tensor] = {}  # by the rows from one segment to the next

    def of(self, column: Tensor) -> Tensor:
        """Gather a column [S, W, ...] to [B, ...], a copy."""
        apart, between, *inner = column.stride()
        if not between or apart % between:
            return column[self.segment, self.time]
        size = _rows(column, column.shape[1]), *column.shape[2:]
        flat, index = column.as_strided(size, (between, *inner)), self.index(apart // between)
        if index.ndim == 1:
            return flat.index_select(0, index)
        return flat.index_select(0, index.view(-1)).view(*index.shape, *column.shape[2:])

    def index(self, per: int) -> Tensor:
        """Index [B] of the rows where a segment takes ``per`` rows."""
        index = self._flat.get(per)
        if index is None:
            index = self._flat[per] = torch.add(self.time, self.segment, alpha=per)
        return index


class Columns:
    """Columns [S, W] or [S, W, D] that are gathered together.

    Where they lie side by side in one table, what is gathered are views of one copy of its rows.
    """

    __slots__ = ("_columns", "_parts", "_per", "_sizes", "_table")

    def __init__(self, *columns: Tensor) -> None:
        """Look once at how they lie."""
        self._columns = columns
        self._table: Tensor | None = None
        one = columns[0]
        base, (apart, between) = one._base, one.stride()[:2]
        strides = apart, between, 1
        alike = all(c._base is base and c.stride() == strides[: c.ndim] for c in columns)
        if base is None or not alike or not between or apart % between:
            return
        first = [column.storage_offset() for column in columns]
        width = [column.shape[2] if column.ndim == 3 else 1 for column in columns]
        start = end = min(first)
        part = {}  # which of what is split off is which column; the rest are gaps
        sizes = []
        for which in sorted(range(len(columns)), key=lambda which: (first[which], width[which])):
            if first[which] < end:
                return  # they overlap
            sizes += [first[which] - end, width[which]]
            part[which] = len(sizes) - 1
            end = first[which] + width[which]
        if not 0 < end - start <= between:
            return
        self._per, self._sizes = apart // between, sizes
        self._parts = [(part[which], column.ndim == 3) for which, column in enumerate(columns)]
        rows = _rows(one, min(column.shape[1] for column in columns))
        self._table = one.as_strided((rows, end - start), (between, 1), start)

    def at(self, rows: Rows) -> tuple[Tensor, ...]:
        """Gather each to [B, D], or [B] where it has no D."""
        if self._table is None:
            return tuple(rows.of(column) for column in self._columns)
        block = self._table.index_select(0, rows.index(self._per))
        parts = block.split_with_sizes(self._sizes, 1)
        return tuple(parts[i] if wide else parts[i].select(1, 0) for i, wide in self._parts)


def _rows(column: Tensor, steps: int) -> int:
    """Rows from the first to the last of ``steps`` in each segment of a column [S, W, ...]."""
    apart, between = column.stride()[:2]
    return (column.shape[0] - 1) * (apart // between) + steps
