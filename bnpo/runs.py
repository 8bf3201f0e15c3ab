"""Reading runs: the configuration, the history, the summary and the agent of a run folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from bnpo.agent import Agent
from bnpo.checkpoint import CheckpointError, load_checkpoint
from bnpo.history import History, Record
from bnpo.presets import build_agent
from bnpo.summary import Summary, read_json

__all__ = [
    "RUNS",
    "Checkpoint",
    "RunError",
    "checkpoint_path",
    "find_run",
    "load_agent",
    "load_config",
    "load_history",
    "load_summary",
]

RUNS = Path("runs")
"""Where runs are put, unless told otherwise."""

Checkpoint = Literal["last", "best"]
"""Policies that a run keeps: the last, and the best by its metric."""


_SECTIONS: dict[str, Any] = {
    "env": str,
    "env_kwargs": dict,
    "seed": int,
    "preset": str | None,
    "agent": dict,
    "brains": dict,
}
"""What the configuration of a training run has at least."""


class RunError(ValueError):
    """A run that is missing or damaged; the message names the file."""


def find_run(run: str | int | Path, runs: Path = RUNS) -> Path:
    """Return the folder of a run.

    Args:
        run: the folder, or the run's number or name
        runs: where runs are that are given by number or name

    Raises:
        RunError: there is no such folder, or it holds no run.

    """
    folder = runs / str(run) if isinstance(run, int) else Path(run)
    if not folder.exists() and (runs / folder).is_dir():
        folder = runs / folder
    if not folder.is_dir():
        raise RunError(f"run {folder} is missing: there is no such folder")
    if not (folder / "config.json").is_file():
        raise RunError(f"run {folder} is no run: {folder / 'config.json'} is missing")
    return folder


def load_config(run: str | int | Path) -> dict[str, Any]:
    """Return the configuration of a run.

    Raises:
        RunError: it is missing or damaged.

    """
    path = find_run(run) / "config.json"
    content = _read(path)
    config: dict[str, Any] = content if isinstance(content, dict) else {}
    for key, kind in _SECTIONS.items():
        if not isinstance(config.get(key, ...), kind):
            raise RunError(f"{path} is damaged: it tells no {key!r} of a training run")
    return config


def load_summary(run: str | int | Path) -> Summary:
    """Return the summary of a run.

    Raises:
        RunError: it is missing or damaged.

    """
    try:
        return Summary.read(find_run(run) / "summary.json")
    except RunError:
        raise
    except ValueError as error:
        raise RunError(str(error)) from None


def load_history(run: str | int | Path) -> History:
    """Return the evaluations of a run.

    Raises:
        RunError: they are missing or damaged.

    """
    path = find_run(run) / "history.json"
    content = _read(path)
    try:
        records = [Record(**record) for record in content["records"]]
        return History(content["metric"], content["threshold"], records)
    except (TypeError, KeyError) as error:
        raise RunError(f"{path} is damaged: {error}") from None


def history_state(history: History) -> dict[str, Any]:
    """Return a history as JSON holds it."""
    return {
        "metric": history.metric,
        "threshold": history.threshold,
        "records": [dataclasses.asdict(record) for record in history],
    }


def checkpoint_path(run: Path, checkpoint: Checkpoint = "last") -> Path:
    """Return where a run keeps a checkpoint."""
    return run / "checkpoints" / f"{checkpoint}.pt"


def load_agent(run: str | int | Path, checkpoint: Checkpoint = "last") -> Agent:
    """Return the agent of a run, with the policy of a checkpoint, ready to act.

    Raises:
        RunError: the run's folder or configuration is missing or damaged.
        CheckpointError: the checkpoint is.

    """
    folder = find_run(run)
    config = load_config(folder)
    path = checkpoint_path(folder, checkpoint)
    state = load_checkpoint(path)
    try:
        agent = build_agent(config)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{folder / 'config.json'} makes no agent here: {error}") from None
    try:
        agent.load_policy(state["agent"])
    except (RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise CheckpointError(f"checkpoint {path} does not fit its run: {reason}") from None
    return agent


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except ValueError as error:
        raise RunError(str(error)) from None
