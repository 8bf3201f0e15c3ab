"""What the commands print."""

from __future__ import annotations

from pathlib import Path

from bnpo.config import RunConfig
from bnpo.runs.summary import Summary
from bnpo.training import Trainer
from bnpo.training.evaluation import Evaluation

__all__ = ["evaluation_rows", "header_rows", "summary_rows"]


def header_rows(run: RunConfig, trainer: Trainer, folder: Path | None) -> list[tuple[str, str]]:
    """Return what a run is, as its first lines tell it."""
    task, train, agent = run.task, trainer.config, trainer.agent
    brains = [
        f"{brain.name} ({type(brain.step.rule).__name__}, {type(brain.credit.scheme).__name__})"
        for brain in agent.brains
    ]
    threads = "1 thread" if train.threads == 1 else f"{train.threads} threads"
    interval, episodes = trainer.eval_interval, trainer.evaluator.episodes
    evaluation = f"{episodes} episodes every {interval:,} steps"
    return [
        ("run", "no files are left" if folder is None else f"{folder.name} in {folder}"),
        ("env", f"{task.env}, {train.num_envs} at a time"),
        ("preset", f"{task.preset or 'own brains'}, seed {task.seed}"),
        ("brains", ", ".join(brains)),
        ("device", f"{agent.device}, {threads}"),
        ("steps", f"{train.total_steps:,}; evaluated in {evaluation}"),
    ]


def summary_rows(summary: Summary, folder: Path | None = None) -> list[tuple[str, str]]:
    """Return the figures of a training run, and where it lies."""
    rows = []
    if summary.mean_score is not None:
        rows.append(("mean score", f"{summary.mean_score:.2f} ({summary.episodes} episodes)"))
    elif summary.success_rate is not None:
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
    rows += [
        ("environment steps", f"{summary.env_steps:,}"),
        ("training seconds", f"{summary.wall_s:.1f}"),
        ("steps per second", "-" if speed is None else f"{speed:,.0f}"),
        ("evaluations", _share(summary.evaluation_share)),
        ("checkpoints", _share(summary.checkpoint_share)),
        ("solved at", solved),
    ]
    if summary.stopped is not None:
        rows.append(("stopped", summary.stopped))
    if folder is not None:
        rows.append(("run", str(folder)))
        curve = folder / "learning_curve.png"
        rows += [("learning curve", str(curve))] if curve.exists() else []
    return rows


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%} of the training seconds"


def evaluation_rows(evaluation: Evaluation, run: Path) -> list[tuple[str, str]]:
    """Return the figures of an evaluation."""
    rows = [("run", str(run)), ("episodes", str(evaluation.episodes))]
    if evaluation.success_rate is not None:
        low, high = evaluation.success_interval or (0.0, 1.0)
        rows.append(("success rate", f"{evaluation.success_rate:.2f} [{low:.2f}, {high:.2f}]"))
    rows.append(("mean return", f"{evaluation.mean_return:.2f}"))
    if evaluation.mean_score is not None:
        rows.append(("mean score", f"{evaluation.mean_score:.2f}"))
    rows.append(("mean length", f"{evaluation.mean_length:.1f} steps"))
    return rows
