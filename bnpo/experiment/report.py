"""What the commands print."""

from __future__ import annotations

from pathlib import Path

from bnpo.runs.summary import Summary
from bnpo.training.evaluation import Evaluation

__all__ = ["evaluation_rows", "summary_rows"]


def summary_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return the figures of a training run."""
    rows = []
    if summary.success_rate is not None:
        rows.append(("success rate", f"{summary.success_rate:.2f} ({summary.episodes} episodes)"))
    if summary.mean_return is not None:
        rows.append(("mean return", f"{summary.mean_return:.2f}"))
    speed = summary.env_steps_per_s
    solved = "not solved"
    if summary.solved_at_env_steps is not None:
        seconds = summary.solved_at_wall_s
        solved = f"{summary.solved_at_env_steps:,} steps, {seconds:.1f} s of training"
    if summary.worker_restarts:
        rows.append(("workers restarted", str(summary.worker_restarts)))
    share = summary.checkpoint_share
    return [
        *rows,
        ("environment steps", f"{summary.env_steps:,}"),
        ("training seconds", f"{summary.wall_s:.1f}"),
        ("steps per second", "-" if speed is None else f"{speed:,.0f}"),
        ("checkpoints", "-" if share is None else f"{share:.1%} of the training seconds"),
        ("solved at", solved),
    ]


def evaluation_rows(evaluation: Evaluation, run: Path) -> list[tuple[str, str]]:
    """Return the figures of an evaluation."""
    rows = [("run", str(run)), ("episodes", str(evaluation.episodes))]
    if evaluation.success_rate is not None:
        rows.append(("success rate", f"{evaluation.success_rate:.2f}"))
    rows.append(("mean return", f"{evaluation.mean_return:.2f}"))
    if evaluation.mean_score is not None:
        rows.append(("mean score", f"{evaluation.mean_score:.2f}"))
    rows.append(("mean length", f"{evaluation.mean_length:.1f} steps"))
    return rows
