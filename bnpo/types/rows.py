"""Rows of trajectories, gathered from several columns at once."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Rows"]


class Rows:
    """Rows (segment, time) of trajectories, from which several columns are gathered.

    ``Rows(segment, time).of(column)`` is column[segment, time]. Where segments lie at equal
    distances, views of a wider table included, it is one index_select on a flat view, and columns
    that lie alike share the index.
    """

    __slots__ = ("_flat", "segment", "time")

    def __init__(self, segment: Tensor, time: Tensor) -> None:
        """Rows at segment [B] and time [B], neither negative."""
        self.segment, self.time = segment, time
        self._flat: dict[int, Tensor] = {}  # by the rows from one segment to the next

    def of(self, column: Tensor) -> Tensor:
        """Gather a column [S, W, ...] to [B, ...], a copy."""
        apart, between, *inner = column.stride()
        if not between or apart % between:
            return column[self.segment, self.time]
        size = _rows(column, column.shape[1]), *column.shape[2:]
        return column.as_strided(size, (between, *inner)).index_select(0, self._index(column))

    def of_all(self, *columns: Tensor) -> tuple[Tensor, ...]:
        """Gather columns [S, W] or [S, W, D] to [B] or [B, D].

        Columns that lie side by side in one table are views of one gathered copy of its rows.
        """
        one = columns[0]
        base, (apart, between) = one._base, one.stride()[:2]
        strides = apart, between, 1
        first = [column.storage_offset() for column in columns]
        widths = [column.shape[2] if column.ndim == 3 else 1 for column in columns]
        start = min(first)
        width = max(at + size for at, size in zip(first, widths, strict=True)) - start
        if not (
            base is not None
            and 0 < width <= between
            and apart % between == 0
            and all(c._base is base and c.stride() == strides[: c.ndim] for c in columns)
        ):
            return tuple(self.of(column) for column in columns)
        table = one.as_strided(
            (_rows(one, min(column.shape[1] for column in columns)), width), (between, 1), start
        )
        block = table.index_select(0, self._index(one))
        count = block.shape[0]
        return tuple(
            block.as_strided((count, size), (width, 1), at - start)
            if column.ndim == 3
            else block.select(1, at - start)
            for column, at, size in zip(columns, first, widths, strict=True)
        )

    def _index(self, column: Tensor) -> Tensor:
        """Index [B] of the rows in a column whose segments lie at equal distances."""
        per = column.stride(0) // column.stride(1)
        index = self._flat.get(per)
        if index is None:
            index = self._flat[per] = torch.add(self.time, self.segment, alpha=per)
        return index


def _rows(column: Tensor, steps: int) -> int:
    """Rows from the first to the last of ``steps`` in each segment of a column [S, W, ...]."""
    apart, between = column.stride()[:2]
    return (column.shape[0] - 1) * (apart // between) + steps
