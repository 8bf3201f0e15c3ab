"""The shared replay: a fixed table of segments as they happened, one row each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bnpo.errors import ConfigError
from bnpo.replay.segments import SegmentQueue, SegmentStorage
from bnpo.types import TaskSpec, Trajectories
from bnpo.types.step import Observation, Step

__all__ = ["SegmentTable"]


class SegmentTable:
    """Segments of at most T steps, written for N environments at once, oldest evicted first.

    A new segment takes the row that has waited longest. There are ceil(capacity / T) rows for
    finished segments (fewer transitions where these are short) and one for each environment.

    What :meth:`append` returns stays in the table at least until the next call that writes.
    """

    def __init__(
        self,
        spec: TaskSpec,
        *,
        capacity: int,
        max_steps: int,
        num_envs: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Allocate the table.

        Args:
            spec: sizes of the task.
            capacity: finished transitions that it holds if all segments are of full length.
            max_steps: T, the longest segment (environment steps).
            num_envs: N, environments that write to it.
            device: where the table lies.
            dtype: floating point type of its columns.

        Raises:
            ConfigError: a size does not work or there is no memory for it.

        """
        for name, size in (("max_steps", max_steps), ("num_envs", num_envs)):
            if size < 1:
                raise ConfigError(f"SegmentTable.{name} = {size}: allowed is at least 1")
        if capacity < num_envs * max_steps:
            raise ConfigError(
                f"SegmentTable.capacity = {capacity}: allowed is at least num_envs * max_steps = "
                f"{num_envs * max_steps}, one full segment of every environment"
            )
        self.num_envs = num_envs
        self.max_steps = max_steps
        self.capacity = capacity
        self.device = torch.device(device)
        self.segments = -(-capacity // max_steps) + num_envs
        owner = f"SegmentTable.capacity = {capacity}"
        self._storage = SegmentStorage(owner, spec, self.segments, max_steps, self.device, dtype)
        self.trajectories: Trajectories = self._storage.trajectories
        """All rows, [S] segments, as views: read only. Unfinished ones have length 0."""
        self._queue = SegmentQueue(self.trajectories.length, max_steps)
        self._row = self._integers(num_envs).fill_(-1)  # row of each open segment
        self._at = self._row * (max_steps + 1)  # and the steps written to it: see _time
        self._left = max_steps  # fewest steps until an open segment is full, or less
        self._begun: list[Tensor] = []  # environments whose segments have no step yet
        self.version = self._integers(self.segments)
        """[S], version of the policy that took the first step of each segment: later steps are of
        this policy or of newer ones"""
        self.on_policy = torch.zeros(self.segments, device=self.device, dtype=torch.bool)
        """[S], whether every step of a segment was acted by the policy itself"""
        self.segments_finished = 0
        """Number of segments ever finished."""

    def _integers(self, *shape: int) -> Tensor:
        return torch.zeros(shape, device=self.device, dtype=torch.int64)

    @property
    def _time(self) -> Tensor:
        """Steps written to each open segment, [N]."""
        return self._at - self._row * (self.max_steps + 1)

    @property
    def transitions_stored(self) -> int:
        """Number of transitions of finished segments, which can be drawn."""
        return self._queue.transitions

    @property
    def nbytes(self) -> int:
        """Size of the table (bytes)."""
        return sum(p.nbytes for p in (self._storage, self._queue, self._row, self._at))

    def begin(self, observation: Observation, env: Tensor | None = None) -> None:
        """Open segments; what an environment had written of an open one is dropped.

        Args:
            observation: [K, .], at the start of the episodes.
            env: [K] indices or [N] mask of the environments; None: all.

        """
        if env is None:
            env = torch.arange(self.num_envs, device=self.device)
        elif env.dtype == torch.bool:
            env = env.nonzero()[:, 0]
        new = env[self._row[env] < 0]
        self._row[new] = self._queue.take(len(new))
        self._start(env, torch.cat(observation, dim=1))

    def append(self, step: Step, *, version: int = 0, oldest: int | None = None) -> Tensor:
        """Write one step of every environment.

        A segment ends where its episode does, or after T steps: then with neither flag, and the
        episode goes on in another one. So it does where a policy older than ``oldest`` took the
        first step. Environments that began anew in the middle of an episode
        (``step.lost``) drop their segment.

        Args:
            step: of all N environments.
            version: of the policy that acted (vector steps of learning that it has had).
            oldest: version that open segments must have begun with; None: any.

        Returns:
            [K], rows of the segments that this step finished, in the order of environments.

        """
        if self._queue.taken < self.num_envs:
            raise ValueError("SegmentTable.append: begin() has not opened all environments")
        if self._begun:
            self.version[self._row[torch.cat(self._begun)]] = version
            self._begun.clear()
        action, mu, sigma, log_prob, on_policy = step.decision
        terminated, truncated, lost = step.terminated, step.truncated, step.lost
        told = () if step.info is None else (step.info,)
        during = (action, mu, sigma, log_prob.unsqueeze(1), step.reward, *told)
        self._storage.step(self._at, [*during, *step.next_observation])
        if on_policy is not None:
            self.on_policy[self._row] &= on_policy
        self._at += 1
        over = terminated | truncated
        self._left -= 1
        if not self._left:
            over |= (time := self._time) == self.max_steps
            self._left = self.max_steps - int((time * ~over).max())
        if oldest is not None:
            over |= self.version[self._row] < oldest
        env = rows = over.nonzero() if lost is None else (over & ~lost).nonzero()
        if env.shape[0]:
            env = env.squeeze(1)
            rows = self._row[env]
            self._finish(rows, self._time[env], terminated[env], truncated[env])
            self._row[env] = self._queue.take(len(env))
        if lost is not None:
            env = torch.cat([env.view(-1), lost.nonzero().squeeze(1)])
        if env.shape[0]:
            first = [column[env] for column in step.reset_observation]
            self._start(env, torch.cat(first, dim=1))
        return rows.view(-1)

    def _start(self, env: Tensor, before: Tensor) -> None:
        """Write the first observations and goals of environments [K], [K, O+2G]."""
        rows = self._row[env]
        self._at[env] = rows * (self.max_steps + 1)
        self.on_policy[rows] = True
        self._begun.append(env)
        self._storage.start(rows, before)

    def _finish(self, rows: Tensor, length: Tensor, terminated: Tensor, truncated: Tensor) -> None:
        """Close the segments on rows [K]: they wait at the end of the queue and can be drawn."""
        self.trajectories.terminated[rows] = terminated
        self.trajectories.truncated[rows] = truncated
        self._queue.put(rows, length)
        self.segments_finished += len(rows)

    def extend(
        self,
        finished: Trajectories,
        *,
        version: Tensor | None = None,
        on_policy: Tensor | None = None,
    ) -> Tensor:
        """Write segments that are finished already, the last as the newest; evicts like the rest.

        Args:
            finished: [K] segments of at most T steps; of more than the table holds the last are
                kept.
            version: [K], of the policy that took the first step of each; None: 0.
            on_policy: [K], whether the policy itself took every step of it; None: it did not.

        Returns:
            [min(K, S - N)], rows in which they lie.

        Raises:
            ValueError: they are of another task or of other lengths.

        """
        self._storage.check_like("SegmentTable.extend", finished)
        room = self.segments - self.num_envs
        newest = finished[-room:] if len(finished) > room else finished
        rows = self._queue.take(len(newest))
        for own, told in ((self.version, version), (self.on_policy, on_policy)):
            own[rows] = 0 if told is None else told[-len(rows) :].to(own)
        self._storage.copy(rows, newest)
        ends = (newest.length, newest.terminated, newest.truncated)
        self._finish(rows, *(end.to(self.device) for end in ends))
        return rows

    def finished(self) -> Trajectories:
        """Return a copy of the finished segments [K] in the order in which they finished."""
        return self.trajectories[self._queue.finished()]

    def newest(self, count: int) -> Tensor:
        """Return the rows of the segments that finished last, at most so many, [K]."""
        return self._queue.finished()[-count:]

    def draw(
        self, count: int, memory_size: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Draw uniformly, with replacement, from the newest transitions of finished segments.

        Args:
            count: B.
            memory_size: how many of the newest to draw from; all where there are fewer.
            generator: on the table's device.

        Returns:
            segment [B] and time [B].

        Raises:
            ValueError: there is nothing to draw from.

        """
        recent = min(memory_size, self._queue.transitions)
        if recent < 1:
            raise ValueError(
                f"SegmentTable.draw: memory_size = {memory_size} of "
                f"{self._queue.transitions} finished transitions: nothing to draw from"
            )
        return self._queue.draw(count, recent, generator)

    def state_dict(self) -> dict[str, Any]:
        """Return everything, open segments too: tensors and integers, valid until the next write.

        Of the array only the rows in use, so that a young table makes a small checkpoint; the
        ring follows from the queue.
        """
        return {
            "storage": self._storage.first(self._queue.used),
            **self._whole(),
            "head": self._queue.head,
            "segments_finished": self.segments_finished,
        }

    def _whole(self) -> dict[str, Tensor]:
        """Return the arrays that a state holds whole, by name."""
        return {
            **self._storage.ends(),
            "queue": self._queue.order,
            "row": self._row,
            "time": self._time,
            "version": self.version,
            "on_policy": self.on_policy,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the state of a table of the same sizes.

        Raises:
            ValueError: the state is of another table; nothing is changed then.

        """
        whole, first = self._whole(), state["storage"]
        shapes = [(name, state[name].shape, own.shape) for name, own in whole.items()]
        shapes.append(("storage", first.shape[1:], self._storage.first(0).shape[1:]))
        for name, saved, own in shapes:
            if saved != own or len(first) > self.segments:
                raise ValueError(
                    f"SegmentTable: {name} {tuple(saved)} is not of this table, {tuple(own)}"
                )
        for name, mine in whole.items():
            mine.copy_(state[name])
        self._at = self._row * (self.max_steps + 1) + state["time"].to(self.device)
        self._left = 1  # seen with the next step
        self._storage.restore(first, self._queue.used)
        taken = int((self._row >= 0).sum())
        self._queue.restore(head=state["head"], taken=taken, used=len(first))
        self._begun = [((self._row >= 0) & (self._time == 0)).nonzero()[:, 0]]
        self.segments_finished = state["segments_finished"]
