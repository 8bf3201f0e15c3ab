"""Rows of segments: one array of which all columns are views, and the order of their use."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from bnpo.replay.allocate import zeros
from bnpo.types import TaskSpec, Trajectories

__all__ = ["SegmentQueue", "SegmentStorage", "columns_of", "widths_of"]

_ENDS = ("length", "terminated", "truncated")
"""Columns of trajectories that lie beside the array."""

_INSIDE = [f.name for f in dataclasses.fields(Trajectories) if f.name not in _ENDS]
"""Columns that are views of it."""


def widths_of(spec: TaskSpec) -> tuple[list[int], list[int]]:
    """Return the widths of what lies before an action and of what comes with it.

    Before it: observation, achieved and desired goal; with it: action, mu, sigma, log-probability,
    reward and what is kept of info.
    """
    before = [spec.observation_dim, spec.goal_dim, spec.goal_dim]
    return before, [spec.action_dim] * 3 + [1, spec.reward_dim, spec.info_dim]


def columns_of(storage: Tensor, spec: TaskSpec) -> Trajectories:
    """Return views of an array [S, T+1, D] as trajectories, all of length 0."""
    before, during = widths_of(spec)
    observation, achieved, desired, *rest = storage.split_with_sizes([*before, *during], dim=-1)
    action, mu, sigma, log_prob, reward, info = (column[:, :-1] for column in rest)
    length = torch.zeros(len(storage), device=storage.device, dtype=torch.int64)
    return Trajectories(
        observation=observation,
        achieved_goal=achieved,
        desired_goal=desired,
        action=action,
        mu=mu,
        sigma=sigma,
        log_prob=log_prob[..., 0],
        reward=reward,
        info=info,
        length=length,
        terminated=torch.zeros_like(length, dtype=torch.bool),
        truncated=torch.zeros_like(length, dtype=torch.bool),
    )


class SegmentStorage:
    """Rows of segments in one array ``[S, T+1, D]``, of which :attr:`trajectories` are views.

    What an action brought lies beside what followed it, so that a step is one write, and a sample
    lies together in memory.
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
        self._array = array = zeros(owner, shape, device, dtype)
        places, width = segments * (max_steps + 1), shape[-1]
        inside = array.view(-1)[self._split : self._split + (places - 1) * width]
        self._steps = inside.view(-1, width)  # from an action to what it led to
        self.trajectories: Trajectories = columns_of(self._array, spec)
        """All rows, [S] segments, as views; those that are not closed have length 0."""

    @property
    def nbytes(self) -> int:
        """Size of the storage (bytes)."""
        return sum(part.nbytes for part in (self._array, *self.ends().values()))

    def ends(self) -> dict[str, Tensor]:
        """Return how long the segment on each row is and how it ended, [S] each, by name."""
        rows = self.trajectories
        return {name: getattr(rows, name) for name in _ENDS}

    def start(self, rows: Tensor, before: Tensor) -> None:
        """Write what segments on rows [K] begin with: observations and goals, [K, O+2G]."""
        self._array[rows, 0, : self._split] = before.to(self._array.dtype)

    def step(self, at: Tensor, parts: list[Tensor]) -> None:
        """Write one step of N segments.

        Args:
            at: [N], row * (T + 1) + steps written to it so far.
            parts: [N, .] each: action, mu, sigma, log-probability, reward and info, then the
                observations and goals that follow.

        """
        taken = torch.cat(parts, dim=1)
        if taken.dtype is not self._steps.dtype:
            taken = taken.to(self._steps.dtype)
        self._steps.index_copy_(0, at, taken)

    def check_like(self, owner: str, segments: Trajectories) -> None:
        """Refuse segments that are not as long and as wide as the rows.

        Raises:
            ValueError: they are of another task or of other lengths.

        """
        for name in _INSIDE:
            shape = getattr(segments, name).shape[1:]
            own = getattr(self.trajectories, name).shape[1:]
            if shape != own:
                raise ValueError(
                    f"{owner}: {name} of a segment has shape {list(shape)}: allowed is {list(own)}"
                )

    def copy(self, rows: Tensor, segments: Trajectories) -> None:
        """Write whole segments [K] to rows [K], but not how they ended."""
        for name in _INSIDE:
            own = getattr(self.trajectories, name)
            own[rows] = getattr(segments, name).to(own)

    def first(self, count: int) -> Tensor:
        """Return the first rows of the array, [count, T+1, D]: a copy unless they are all."""
        return self._array if count == len(self._array) else self._array[:count].clone()

    def restore(self, first: Tensor, used: int) -> None:
        """Take over the array of the first rows; what else was used, up to ``used``, is zero."""
        count = len(first)
        self._array[:count].copy_(first)
        self._array[count : max(count, used)] = 0


class SegmentQueue:
    """Rows of a table that wait to be used: those never used, then those finished longest ago.

    A row that is taken leaves the queue, and the transitions on it can no longer be drawn; when
    its segment has finished it waits at the end. Finished transitions are listed in the same order
    in a ring of names (a segment's number above the bits of a step), so that a draw is one look-up
    whatever the capacity. A name takes 4 bytes, or 8 where it does not fit.
    """

    def __init__(self, length: Tensor, max_steps: int) -> None:
        """Queue all rows, in order.

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
        """Place in the order of the row that is taken next."""
        self.taken = 0
        """Number of rows whose segments are being written."""
        self.used = 0
        """Number of rows ever taken, always the first ones of the table."""
        self.transitions = 0
        """Number of transitions of finished segments, which can be drawn."""
        self._bits = (max_steps - 1).bit_length()  # of a name that are the step
        fits = segments << self._bits <= torch.iinfo(torch.int32).max
        size, dtype = segments * max_steps, torch.int32 if fits else torch.int64
        self._names = zeros(f"SegmentQueue of {size}", (size,), device, dtype)
        self._cursor = 0  # behind the newest name

    @property
    def nbytes(self) -> int:
        """Size of the queue (bytes)."""
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
        """Queue rows [K], taken before, at the end, with finished segments of length [K]."""
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
        """Draw uniformly among the newest transitions: segment and time, both [count]."""
        device = self._names.device
        back = torch.randint(recent, (count,), generator=generator, device=device)
        at = (self._cursor - 1 - back).remainder_(self._names.shape[0])
        names = self._names.index_select(0, at).to(torch.int64)
        return names >> self._bits, names & ((1 << self._bits) - 1)

    def finished(self) -> Tensor:
        """Return the rows of finished segments, [K], as they finished."""
        size = len(self.order)
        ahead = torch.arange(self.head, self.head + size - self.taken)
        rows = self.order[ahead.to(self.order.device) % size]
        return rows[self._length[rows] > 0]

    def restore(self, head: int, taken: int, used: int) -> None:
        """Take over saved numbers, once order and lengths are in place, and fill the ring anew."""
        self.head, self.taken, self.used = head, taken, used
        self._cursor = self.transitions = 0
        rows = self.finished()
        self._list(rows, self._length[rows])
