"""Where segments lie: one array, written step by step, whose columns are trajectories."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from bnpo.replay.allocate import zeros
from bnpo.replay.columns import columns_of, widths_of
from bnpo.types import TaskSpec, Trajectories

__all__ = ["SegmentStorage"]


_ENDS = ("length", "terminated", "truncated")
"""Columns of trajectories that lie beside the array."""

_INSIDE = [f.name for f in dataclasses.fields(Trajectories) if f.name not in _ENDS]
"""Columns that are views of it."""


class SegmentStorage:
    """Rows of segments in one array ``[S, T+1, D]``, of which :attr:`trajectories` are views.

    So a step is two writes and a sample lies together in memory.
    """

    def __init__(
        self,
        owner: str,
        spec: TaskSpec,
        segments: int,
        max_steps: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Allocate the array.

        Args:
            owner: what is too large if it does not fit, "SegmentTable.capacity = 5" for instance.
            spec: sizes of the task.
            segments: S.
            max_steps: T, the longest segment (environment steps).
            device: where it lies.
            dtype: floating point type of its columns.

        Raises:
            ConfigError: there is no memory for it.

        """
        before, during = widths_of(spec)
        self._split = sum(before)
        shape = (segments, max_steps + 1, sum(before) + sum(during))
        self._array = zeros(owner, shape, device, dtype)
        self.trajectories: Trajectories = columns_of(self._array, spec)
        """All rows, [S] segments, as views; those that are not closed have length 0."""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(part.nbytes for part in (self._array, *self.ends().values()))

    def ends(self) -> dict[str, Tensor]:
        """How long the segment on each row is and how it ended, [S] each, by name."""
        rows = self.trajectories
        return {name: getattr(rows, name) for name in _ENDS}

    def start(self, rows: Tensor, before: Tensor) -> None:
        """Write what segments on rows [K] begin with: observations and goals, [K, O+2G]."""
        self._array[rows, 0, : self._split] = before.to(self._array.dtype)

    def step(self, rows: Tensor, time: Tensor, during: Tensor, after: Tensor) -> None:
        """Write one step of the segments on rows [N].

        Args:
            rows: [N].
            time: [N], steps written to them so far.
            during: [N, 3A+1+R+I], action, mu, sigma, log-probability, reward and info.
            after: [N, O+2G], observations and goals that follow.

        """
        _, steps, width = self._array.shape
        flat = self._array.view(-1, width)
        here = rows * steps + time
        flat[:, self._split :].index_copy_(0, here, during.to(flat.dtype))
        flat[:, : self._split].index_copy_(0, here + 1, after.to(flat.dtype))

    def check_like(self, owner: str, segments: Trajectories) -> None:
        """Let through segments that are as long and as wide as the rows.

        Raises:
            ValueError: they are of another task or of other lengths.

        """
        for name in _INSIDE:
            given = getattr(segments, name).shape[1:]
            own = getattr(self.trajectories, name).shape[1:]
            if given != own:
                raise ValueError(
                    f"{owner}: {name} of a segment has shape {list(given)}: allowed is {list(own)}"
                )

    def copy(self, rows: Tensor, segments: Trajectories) -> None:
        """Write whole segments [K] to rows [K], but not how they ended."""
        for name in _INSIDE:
            own = getattr(self.trajectories, name)
            own[rows] = getattr(segments, name).to(own)

    def first(self, count: int) -> Tensor:
        """The array of the first rows, [count, T+1, D]: itself where these are all, else a copy."""
        return self._array if count == len(self._array) else self._array[:count].clone()

    def restore(self, first: Tensor, used: int) -> None:
        """Take over the array of the first rows; what else was used, up to ``used``, is zero."""
        count = len(first)
        self._array[:count].copy_(first)
        self._array[count : max(count, used)] = 0
