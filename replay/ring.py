"""The transitions of finished segments in the order in which they finished."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.replay.allocate import zeros

__all__ = ["TransitionRing"]


class TransitionRing:
    """Names (segment, time) of transitions, newest at the end: a draw is one look-up.

    A name is a segment's number above the bits of a step. It takes 4 bytes, or 8 where it does not
    fit.
    """

    def __init__(self, segments: int, max_steps: int, device: torch.device) -> None:
        """Make an empty ring.

        Args:
            segments: S, rows that are named.
            max_steps: T, steps in a row.
            device: where the ring lies.

        """
        size = segments * max_steps
        self._bits = (max_steps - 1).bit_length()  # of a name that are the step
        fits = segments << self._bits <= torch.iinfo(torch.int32).max
        owner = f"TransitionRing of {size}"
        self._names = zeros(owner, (size,), device, torch.int32 if fits else torch.int64)
        self._cursor = 0
        self._size = 0

    def __len__(self) -> int:
        """Return the number of transitions listed."""
        return self._size

    @property
    def nbytes(self) -> int:
        """Bytes that the ring takes."""
        return self._names.nbytes

    def clear(self) -> None:
        """Forget everything."""
        self._cursor = self._size = 0

    def add(self, rows: Tensor, length: Tensor) -> None:
        """List the transitions of segments on rows [K] of length [K], the last as the newest."""
        count = int(length.sum())
        step = torch.arange(count, device=rows.device)
        first = (rows << self._bits) - (length.cumsum(0) - length)
        names = first.repeat_interleave(length, output_size=count) + step
        self._names[(self._cursor + step) % len(self._names)] = names.to(self._names.dtype)
        self._cursor = (self._cursor + count) % len(self._names)
        self._size += count

    def drop(self, count: int) -> None:
        """Forget the oldest transitions."""
        self._size -= count

    def draw(self, count: int, recent: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw uniformly among the newest ``recent``: segment [count] and time [count]."""
        device = self._names.device
        back = torch.randint(recent, (count,), generator=generator, device=device)
        at = (self._cursor - 1 - back).remainder_(self._names.shape[0])
        names = self._names.index_select(0, at).to(torch.int64)
        return names >> self._bits, names & ((1 << self._bits) - 1)
