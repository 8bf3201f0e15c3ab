"""The summary of a run: ``summary.json``, the figures by which runs are compared."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Self

from bnpo.files import read_as, write_json
from bnpo.types.history import Amount, History, Metric, Number, Share

__all__ = ["TIMES", "Summary", "changes", "versions"]

TIMES = (
    *("wall_s", "env_steps_per_s", "gradient_steps_per_s", "solved_at_wall_s"),
    *("checkpoint_s", "checkpoint_share", "evaluation_s", "evaluation_share"),
)
"""Fields that differ when the same run is repeated."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Figures of one training run. Without :data:`TIMES` they follow from the configuration."""

    env_id: str
    """Gymnasium id"""

    preset: str | None
    """Preset that the brains came from"""

    seed: Amount
    """Seed of the run"""

    status: Literal["completed", "interrupted", "failed"]
    """How the run ended"""

    env_steps: Amount
    """Single-environment steps"""

    gradient_steps: Amount
    """Gradient steps of all brains"""

    wall_s: Number
    """Seconds of training and credit, without evaluation, compilation counted"""

    env_steps_per_s: Number | None
    """Single-environment steps per second of those"""

    gradient_steps_per_s: Number | None
    """Gradient steps per second of those"""

    episodes: Amount | None
    """Episodes of the last evaluation"""

    success_rate: Share | None
    """Share of them with success at their last step; None without goals"""

    mean_return: float | None
    """Their undiscounted return"""

    solve_metric: Metric
    """What decides whether the task is solved"""

    solve_threshold: Number
    """Value of the metric from which on it is"""

    solved_at_env_steps: Amount | None
    """First of two evaluations in a row at or above the threshold; None where there is none"""

    solved_at_wall_s: Number | None
    """Seconds of training until then"""

    versions: dict[str, str | None]
    """Versions of the packages that decide a result"""

    checkpoint_s: Number = 0.0
    """Seconds that its checkpoints took, which are not in wall_s; those of earlier parts of a
    resumed run included"""

    checkpoint_share: Number | None = None
    """Those seconds as a share of wall_s"""

    mean_score: float | None = None
    """Environment's own score per episode of the last evaluation, where it has one"""

    evaluation_s: Number = 0.0
    """Seconds that evaluations took, which are not in wall_s"""

    evaluation_share: Number | None = None
    """Those seconds as a share of wall_s"""

    stopped: str | None = None
    """Why a callback ended the run early; None where none did"""

    worker_restarts: Amount = 0
    """Worker processes that failed and were restarted"""

    earlier_versions: list[dict[str, str | None]] = field(default_factory=list)
    """Versions that earlier parts of a resumed run were made with, where they were others"""

    @classmethod
    def of(
        cls,
        history: History,
        *,
        env_id: str,
        preset: str | None,
        seed: int,
        status: Literal["completed", "interrupted", "failed"],
        env_steps: int,
        gradient_steps: int,
        wall_s: float,
        checkpoint_s: float = 0.0,
        evaluation_s: float = 0.0,
        stopped: str | None = None,
        worker_restarts: int = 0,
        earlier_versions: list[dict[str, str | None]] | None = None,
    ) -> Self:
        """Sum up a run, its last evaluation included."""
        last = history[-1] if len(history) else None
        solved = history.solved
        return cls(
            env_id=env_id,
            preset=preset,
            seed=seed,
            status=status,
            env_steps=env_steps,
            gradient_steps=gradient_steps,
            wall_s=wall_s,
            env_steps_per_s=env_steps / wall_s if wall_s > 0 else None,
            gradient_steps_per_s=gradient_steps / wall_s if wall_s > 0 else None,
            episodes=None if last is None else last.episodes,
            success_rate=None if last is None else last.success_rate,
            mean_return=None if last is None else last.mean_return,
            solve_metric=history.metric,
            solve_threshold=history.threshold,
            solved_at_env_steps=None if solved is None else solved.env_steps,
            solved_at_wall_s=None if solved is None else solved.wall_s,
            versions=versions(),
            checkpoint_s=checkpoint_s,
            checkpoint_share=checkpoint_s / wall_s if wall_s > 0 else None,
            mean_score=None if last is None else last.mean_score,
            evaluation_s=evaluation_s,
            evaluation_share=evaluation_s / wall_s if wall_s > 0 else None,
            stopped=stopped,
            worker_restarts=worker_restarts,
            earlier_versions=earlier_versions or [],
        )

    def write(self, path: Path) -> None:
        """Write the summary as JSON, whole or not at all."""
        write_json(path, dataclasses.asdict(self))

    def without_times(self) -> dict[str, Any]:
        """Return what is the same whenever the same run is repeated."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if name not in TIMES}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a summary.

        Raises:
            ValueError: naming the file, where it is missing or damaged.

        """
        return read_as(path, cls)


def versions() -> dict[str, str | None]:
    """Return the versions of what decides a result; None for a package that is not installed."""
    by_package: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("bnpo", "torch", "numpy", "mujoco", "gymnasium", "gymnasium-robotics"):
        try:
            by_package[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            by_package[name] = None
    if by_package["bnpo"] is None:
        from bnpo.version import __version__

        by_package["bnpo"] = __version__
    return by_package


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say which versions are others than before, and which they are now; empty where none is."""
    other = [name for name in now if name in before and before[name] != now[name]]
    return ", ".join(f"{name} {before[name]} (now {now[name]})" for name in other)
