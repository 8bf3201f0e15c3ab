"""Trajectories as they happened, and how rows and n-step transitions are gathered from them."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from bnpo.types.transitions import Batch, Transitions

__all__ = ["Columns", "Rows", "Trajectories"]


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
        per = apart // between
        size = (len(column) - 1) * per + column.shape[1], *column.shape[2:]
        flat, index = column.as_strided(size, (between, *inner)), self.index(per)
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
        rows = (len(one) - 1) * self._per + min(column.shape[1] for column in columns)
        self._table = one.as_strided((rows, end - start), (between, 1), start)

    def at(self, rows: Rows) -> tuple[Tensor, ...]:
        """Gather each to [B, D], or [B] where it has no D."""
        if self._table is None:
            return tuple(rows.of(column) for column in self._columns)
        block = self._table.index_select(0, rows.index(self._per))
        parts = block.split_with_sizes(self._sizes, 1)
        return tuple(parts[i] if wide else parts[i].select(1, 0) for i, wide in self._parts)


class _Gathered(Batch):
    """A batch that keeps how its columns lie, beside them."""

    __slots__ = ("_together",)
    _together: tuple[Columns, Columns]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trajectories(_Gathered):
    """Segments as they happened; row t of what is T + 1 long precedes action t.

    Rows at and beyond ``length`` (beyond it by one for observations and goals) were not written.
    """

    observation: Tensor
    """[S, T+1, O]"""

    achieved_goal: Tensor
    """[S, T+1, G]"""

    desired_goal: Tensor
    """[S, T+1, G], what the actor was shown"""

    action: Tensor
    """[S, T, A], as drawn: not clipped to the Box"""

    mu: Tensor
    """[S, T, A], mean of the behaviour distribution"""

    sigma: Tensor
    """[S, T, A], scale of the behaviour distribution"""

    log_prob: Tensor
    """[S, T], density that generated the action, summed over action dimensions"""

    reward: Tensor
    """[S, T, R]"""

    length: Tensor
    """[S], steps that were taken"""

    terminated: Tensor
    """[S], whether the last step ended the episode in a terminal state"""

    truncated: Tensor
    """[S], whether the last step ended the episode by its time limit"""

    info: Tensor = field(default_factory=lambda: torch.empty(0))
    """[S, T, I], what is kept of each step's info (``TaskSpec.info``); nothing where not given"""

    def __post_init__(self) -> None:
        """Let nothing be kept of info where none was given."""
        if self.info.ndim < 2:
            object.__setattr__(self, "info", self.reward[..., :0])

    def __len__(self) -> int:
        """Return the number of segments."""
        return self.length.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the columns lie."""
        return self.length.device

    def _columns(self) -> tuple[Columns, Columns]:
        """What is gathered together where a transition begins, and where it leads."""
        if not hasattr(self, "_together"):
            happened = (self.action, self.mu, self.sigma, self.log_prob, self.reward)
            before = Columns(self.observation, self.desired_goal, *happened)
            after = Columns(self.observation, self.achieved_goal, self.desired_goal)
            object.__setattr__(self, "_together", (before, after))
        return self._together

    def n_step(
        self,
        segment: Tensor,
        time: Tensor,
        steps: Tensor,
        gamma: float,
        most: int | None = None,
        *,
        reward: Tensor | None = None,
    ) -> Transitions:
        """Gather n-step transitions, cut at the end of their segment.

        reward = sum_{k<n} gamma^k r_{t+k};  discount = gamma^n, or 0 after a termination.
        With n > 1 on old data the return is not corrected for the policy's change.

        Args:
            segment: [B], rows of these trajectories.
            time: [B], step within the segment.
            steps: [B], n >= 1, cut to what is left of the segment.
            gamma: discount factor per step.
            most: n is known not to be larger, which spares a look at the steps, and on a device
                the wait for it.
            reward: [B, R], takes the place of the sum, which is not worked out then.

        """
        return self.n_step_outcome(segment, time, steps, gamma, most, reward=reward)[0]

    def n_step_outcome(
        self,
        segment: Tensor,
        time: Tensor,
        steps: Tensor,
        gamma: float,
        most: int | None = None,
        *,
        reward: Tensor | None = None,
    ) -> tuple[Transitions, Tensor]:
        """:meth:`n_step`, and the goals that were achieved n steps later, [B, G]."""
        length = self.length.index_select(0, segment)
        steps = torch.ones_like(time) if most == 1 else torch.minimum(steps, length - time)
        here, there = Rows(segment, time), Rows(segment, time + steps)
        before, after = self._columns()
        observation, goal, action, mu, sigma, log_prob, first = before.at(here)
        next_observation, outcome, next_goal = after.at(there)
        ended = self.terminated.index_select(0, segment) & (there.time == length)
        if most == 1:
            discount = torch.full_like(time, gamma, dtype=first.dtype)
        else:
            discount = torch.pow(gamma, steps.to(first.dtype))
        if most != 1 and reward is None:
            if steps.device.type == "cpu":
                longer = (steps > 1).nonzero().squeeze(1)  # few, where most goals are relabelled
            else:  # all: nobody waits for a device to count them
                longer = torch.arange(len(steps), device=steps.device)
            if len(longer):
                most = int(steps.max()) if most is None else min(most, self.action.shape[1])
                later = self._later_reward(here, steps, longer, gamma, most)
                first.index_add_(0, longer, later)
        discount.masked_fill_(ended, 0.0)
        return Transitions(
            observation=observation,
            goal=goal,
            action=action,
            mu=mu,
            sigma=sigma,
            behaviour_log_prob=log_prob,
            proximal_log_prob=log_prob.clone(),
            reward=first if reward is None else reward,
            discount=discount,
            next_observation=next_observation,
            next_goal=next_goal,
            weight=torch.ones_like(discount),
            relabelled=torch.zeros_like(ended),
            steps=steps,
            log_ratio_rest=torch.zeros_like(discount),
        ), outcome

    def info_at(self, segment: Tensor, time: Tensor) -> tuple[Tensor, ...]:
        """Return what is kept of the info of steps, to be handed on: nothing, or one [B, I].

        Args:
            segment: rows of these trajectories, [B] or of a shape that broadcasts
            time: step within the segment, likewise

        """
        return (Rows(segment, time).of(self.info),) if self.info.shape[-1] else ()

    def _later_reward(
        self, here: Rows, steps: Tensor, longer: Tensor, gamma: float, most: int
    ) -> Tensor:
        """Sum of gamma^k r_{t+k} over 0 < k < n of those [L] of the transitions here, [L, R].

        Args:
            here: [B], rows of the transitions.
            steps: [B], n.
            longer: [L], which of them have n > 1.
            gamma: discount factor per step.
            most: largest n.

        """
        ahead = torch.arange(1, most, device=steps.device)  # [K]
        power = torch.pow(gamma, ahead.to(self.reward.dtype))
        n, segment, time = (
            column.index_select(0, longer).unsqueeze(1)
            for column in (steps, here.segment, here.time)
        )
        written = torch.minimum(ahead, n - 1).add_(time)  # [L, K], nothing after n is read
        later = Rows(segment, written).of(self.reward)
        return torch.bmm((power * (ahead < n)).unsqueeze(1), later).squeeze(1)
