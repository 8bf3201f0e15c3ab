"""The training stream: scalars between evaluations, and the training episodes they sum up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # a list of runs loads no NumPy
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Episodes", "Picture", "Scalars"]


class Episodes(NamedTuple):
    """Training episodes that ended in one step of the environments."""

    returns: NDArray[np.float64]
    """Undiscounted sums of rewards, [E]"""

    lengths: NDArray[np.float64]
    """Environment steps, [E]"""

    success: NDArray[np.float64]
    """``is_success`` at the last step, [E]; NaN where the environment did not tell it"""

    score: NDArray[np.float64]
    """Sums of the environment's own score, [E]; NaN where it has none"""


@dataclass(frozen=True, kw_only=True)
class Scalars:
    """One line of the training stream: what happened since the line before."""

    env_steps: int
    """Single-environment steps so far"""

    wall_s: float
    """Seconds of training and credit so far, without evaluation"""

    values: dict[str, float] = field(default_factory=dict)
    """Scalars by ``group/quantity``: ``rollout/return``, ``time/env_steps_per_s``,
    ``BRAIN/quantity`` and what callbacks log"""

    def row(self) -> dict[str, float]:
        """Return flat columns, steps and seconds first."""
        return {"env_steps": self.env_steps, "wall_s": self.wall_s, **self.values}

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> Scalars:
        """Return the scalars that :meth:`row` made flat."""
        values = {name: float(value) for name, value in row.items() if "/" in name}
        return cls(env_steps=int(row["env_steps"]), wall_s=float(row["wall_s"]), values=values)


class Picture(NamedTuple):
    """A still picture or a film, encoded."""

    content: bytes
    """The file"""

    kind: str
    """Ending of its name: png, gif or mp4"""

    width: int
    """Pixels"""

    height: int
    """Pixels"""
