"""The order in which segments finished: which row is used anew, and what can be drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.replay.ring import TransitionRing

__all__ = ["SegmentQueue"]


class SegmentQueue:
    """Rows of a table that wait to be used: those never used, then those finished longest ago.

    A row that is taken leaves the queue, and the transitions on it can no longer be drawn; when
    its segment has finished it waits at the end. Finished transitions are listed in the same order
    in a ring of 4 bytes each, so that a draw is one look-up whatever the capacity.
    """

    def __init__(self, length: Tensor, max_steps: int) -> None:
        """Let all rows wait, in order.

        Args:
            length: [S], of the finished segment on each row, 0 where there is none: a view that
                the storage writes to.
            max_steps: T, the longest segment (environment steps).

        """
        self._length = length
        self.order = torch.arange(len(length), device=length.device)
        """[S], the rows that wait from ``head`` on, around the end, then a place for each taken"""
        self.ring = TransitionRing(len(length), max_steps, length.device)
        """Transitions of finished segments."""
        self.head = 0
        """Where the row lies that is taken next."""
        self.taken = 0
        """Rows whose segments are being written."""
        self.used = 0
        """Rows ever taken, always the first ones of the table."""

    @property
    def nbytes(self) -> int:
        """Bytes that the queue takes."""
        return self.order.nbytes + self.ring.nbytes

    def take(self, count: int) -> Tensor:
        """Return the rows [count] that have waited longest."""
        size = len(self.order)
        ahead = torch.arange(self.head, self.head + count, device=self.order.device)
        rows = self.order[ahead % size]
        self.ring.drop(int(self._length[rows].sum()))
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
        self.ring.add(rows, length)

    def finished(self) -> Tensor:
        """Rows of finished segments, [K], as they finished."""
        size = len(self.order)
        ahead = torch.arange(self.head, self.head + size - self.taken)
        rows = self.order[ahead.to(self.order.device) % size]
        return rows[self._length[rows] > 0]

    def restore(self, head: int, taken: int, used: int) -> None:
        """Go on from saved numbers, an order and lengths that are in place; list the ring anew."""
        self.head, self.taken, self.used = head, taken, used
        self.ring.clear()
        rows = self.finished()
        self.ring.add(rows, self._length[rows])
