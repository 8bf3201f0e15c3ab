"""What a training run found: evaluations, training stream, the point where it was solved."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from bnpo.extras import require
from bnpo.types.stream import Scalars

__all__ = ["Amount", "History", "Metric", "Number", "Record", "Share"]

Amount = Annotated[int, Field(ge=0, le=2**53)]
"""A whole number of steps, episodes or restarts."""

Number = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A number in [0, 1]."""

Metric = Literal["success_rate", "mean_return", "mean_score"]
"""Columns of :class:`Record` that may decide what counts as solved."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One evaluation within a run."""

    env_steps: Amount
    """Single-environment steps so far"""

    gradient_steps: Amount
    """Gradient steps of all brains so far"""

    wall_s: Number
    """Seconds of training and credit so far, without evaluation"""

    episodes: Amount
    """Episodes of this evaluation"""

    success_rate: Share | None
    """Share of episodes with success at their last step; None without goals"""

    mean_return: float
    """Undiscounted return, averaged over the episodes"""

    mean_length: float
    """Environment steps per episode"""

    mean_score: float | None = None
    """The environment's own score per episode, where it has one"""

    policy_lag: Amount = 0
    """Most vector steps since the last evaluation by which the policy that acted was behind; policy
    versions where rollout workers go their own pace"""

    brains: dict[str, dict[str, float]] = field(default_factory=dict)
    """Scalars of each brain's last turn"""

    def headline(self) -> dict[str, str]:
        """Return what a progress bar shows."""
        if self.mean_score is not None:
            return {"score": f"{self.mean_score:.2f}"}
        if self.success_rate is not None:
            return {"success": f"{self.success_rate:.2f}"}
        return {"return": f"{self.mean_return:.2f}"}

    def row(self) -> dict[str, float | int | None]:
        """Flat columns, the brains' scalars as ``brain/quantity``."""
        row = {key: value for key, value in dataclasses.asdict(self).items() if key != "brains"}
        for brain, info in self.brains.items():
            row |= {f"{brain}/{quantity}": value for quantity, value in info.items()}
        return row


_SHOWN = ("env_steps", "gradient_steps", "success_rate", "mean_return", "mean_score")
"""Columns of a plain table."""


@dataclass
class History:
    """The evaluations of a run, in order.

    A task counts as solved at the first of two evaluations in a row at or above the threshold.
    """

    metric: Metric = "success_rate"
    """Column of :class:`Record` that decides what counts as solved."""

    threshold: Number = 0.95
    """Value of the metric from which on the task counts as solved."""

    records: list[Record] = field(default_factory=list)
    """The evaluations."""

    training: list[Scalars] = field(default_factory=list)
    """The training stream: scalars of episodes, brains and speeds between the evaluations."""

    def append(self, record: Record) -> None:
        """Add the next evaluation."""
        self.records.append(record)

    def __len__(self) -> int:
        """Return the number of evaluations."""
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        """Iterate over the evaluations in order."""
        return iter(self.records)

    def __getitem__(self, index: int) -> Record:
        """Return one evaluation."""
        return self.records[index]

    @property
    def solved(self) -> Record | None:
        """First of two evaluations in a row at or above the threshold, or None."""
        for record, following in zip(self.records, self.records[1:], strict=False):
            values = getattr(record, self.metric), getattr(following, self.metric)
            if all(value is not None and value >= self.threshold for value in values):
                return record
        return None

    def to_frame(self) -> Any:
        """Return the evaluations as a pandas DataFrame (extra ``notebook``)."""
        pd = require("pandas", "notebook", "history.to_frame()")
        return pd.DataFrame([record.row() for record in self.records])

    def training_frame(self) -> Any:
        """Return the training stream as a pandas DataFrame (extra ``notebook``)."""
        pd = require("pandas", "notebook", "history.training_frame()")
        return pd.DataFrame([scalars.row() for scalars in self.training])

    def __repr__(self) -> str:
        """Say how long the run was and where it stands."""
        if not self.records:
            return "History(no evaluation yet)"
        last, solved = self.records[-1], self.solved
        where = "not solved" if solved is None else f"solved at {solved.env_steps} steps"
        value = getattr(last, self.metric)
        reached = "unknown" if value is None else f"{value:.2f}"
        return f"History({last.env_steps} steps, {self.metric} {reached}, {where})"

    def _repr_html_(self) -> str:
        """Return the evaluations as a plain table, where nothing shows them better."""
        rows = [dataclasses.asdict(record) for record in self.records]
        heads = [name for name in _SHOWN if any(row[name] is not None for row in rows)]
        lines = [f"<tr>{''.join(f'<td>{row[name]}</td>' for name in heads)}</tr>" for row in rows]
        head = "".join(f"<th>{name}</th>" for name in heads)
        return f"<table><tr>{head}</tr>{''.join(lines)}</table>"
