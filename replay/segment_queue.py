"""The order in which segments finished: which row is used anew, and what can be drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.replay.allocate import zeros

__all__ = ["SegmentQueue"]


class SegmentQueue:
    """Rows of a table that wait to be used: those never used, then those finished longest ago.

    A row that is taken leaves the queue, and the transitions on it can no longer be drawn; when
    its segment has finished it waits at the end. Finished transitions are listed in the same order
    in a ring of names (a segment's number above the bits of a step), so that a draw is one look-up
    whatever the capacity. A name takes 4 bytes, or 8 where it does not fit.
    """

    def __init__(self, length: Tensor, max_steps: int) -> None:
        """Let all rows wait, in order.

        Args:
            length: [S], of the finished segment on each row, 0 where there is none: a view of the
                storage, which the queue writes to.
            max_steps: T, the longest segment (environment steps).

        Raises:
            ConfigError: there is no memory for the ring.

        """
        segments, device = len(length), length.device
        self._length = length
        self.order = torch.arange(segments, device=device)
        """[S], the rows that wait from ``head`` on, around the end, then a place for each taken"""
        self.head = 0
        """Where the row lies that is taken next."""
        self.taken = 0
        """Rows whose segments are being written."""
        self.used = 0
        """Rows ever taken, always the first ones of the table."""
        self.transitions = 0
        """Transitions of finished segments, which can be drawn."""
        self._bits = (max_steps - 1).bit_length()  # of a name that are the step
        fits = segments << self._bits <= torch.iinfo(torch.int32).max
        size, dtype = segments * max_steps, torch.int32 if fits else torch.int64
        self._names = zeros(f"SegmentQueue of {size}", (size,), device, dtype)
        self._cursor = 0  # behind the newest name

    @property
    def nbytes(self) -> int:
        """Bytes that the queue takes."""
        return self.order.nbytes + self._names.nbytes

    def take(self, count: int) -> Tensor:
        """Return the rows [count] that have waited longest; they hold no finished segment now."""
        size = len(self.order)
        ahead = torch.arange(self.head, self.head + count, device=self.order.device)
        rows = self.order[ahead % size]
        self.transitions -= int(self._length[rows].sum())
        self._length[rows] = 0
        self.head = (self.head + count) % size
        self.taken += count
        self.used = min(self.used + count, size)
        return rows

    def put(self, rows: Tensor, length: Tensor) -> None:
        """Let rows [K], taken before, wait at the end with finished segments of length [K]."""
        size = len(self.order)
        tail = self.head + size - self.taken
        at = torch.arange(tail, tail + len(rows), device=self.order.device)
        self.order[at % size] = rows
        self.taken -= len(rows)
        self._length[rows] = length
        self._list(rows, length)

    def _list(self, rows: Tensor, length: Tensor) -> None:
        """Name the transitions of segments on rows [K] of length [K], the last as the newest."""
        count = int(length.sum())
        step = torch.arange(count, device=rows.device)
        first = (rows << self._bits) - (length.cumsum(0) - length)
        names = first.repeat_interleave(length, output_size=count) + step
        self._names[(self._cursor + step) % len(self._names)] = names.to(self._names.dtype)
        self._cursor = (self._cursor + count) % len(self._names)
        self.transitions += count

    def draw(self, count: int, recent: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw uniformly among the newest ``recent``: segment [count] and time [count]."""
        device = self._names.device
        back = torch.randint(recent, (count,), generator=generator, device=device)
        at = (self._cursor - 1 - back).remainder_(self._names.shape[0])
        names = self._names.index_select(0, at).to(torch.int64)
        return names >> self._bits, names & ((1 << self._bits) - 1)

    def finished(self) -> Tensor:
        """Rows of finished segments, [K], as they finished."""
        size = len(self.order)
        ahead = torch.arange(self.head, self.head + size - self.taken)
        rows = self.order[ahead.to(self.order.device) % size]
        return rows[self._length[rows] > 0]

    def restore(self, head: int, taken: int, used: int) -> None:
        """Go on from saved numbers, an order and lengths that are in place; list the ring anew."""
        self.head, self.taken, self.used = head, taken, used
        self._cursor = self.transitions = 0
        rows = self.finished()
        self._list(rows, self._length[rows])
