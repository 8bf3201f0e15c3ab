"""Reading runs: the configuration, the history, the summary and the agent of a run folder.

What makes agents is imported where it is used, so that a list of runs is there at once.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_type_hints

from bnpo.errors import CheckpointError, RunError
from bnpo.extras import require
from bnpo.files import read_as
from bnpo.runs.folder import is_held
from bnpo.runs.summary import Summary
from bnpo.types.history import History, Metric, Number, Record

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.config import RunConfig

__all__ = [
    "RUNS",
    "Checkpoint",
    "RunEntry",
    "checkpoint_path",
    "find_run",
    "list_runs",
    "load",
    "load_agent",
    "load_config",
    "load_history",
    "load_run",
    "load_summary",
    "read_run",
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

Kind = TypeVar("Kind")

_SILENCE = 60.0
"""Seconds without a sign of life after which a run counts as killed."""


@dataclass(frozen=True)
class _HistoryFile:
    """What history.json holds."""

    metric: Metric
    threshold: Number
    records: list[Record]


@dataclass(frozen=True)
class _Life:
    """What run.json tells of the process."""

    status: str
    heartbeat: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunEntry:
    """One run in a list of runs."""

    run: str
    """Name of its folder"""

    status: str
    """completed, interrupted, failed, running, killed or damaged"""

    preset: str | None = None
    """Preset that its brains came from"""

    env: str | None = None
    """Gymnasium id"""

    seed: int | None = None
    """Its seed"""

    success_rate: float | None = None
    """Of the last evaluation; None without goals"""

    mean_return: float | None = None
    """Of the last evaluation"""

    env_steps: int | None = None
    """Single-environment steps so far"""

    wall_s: float | None = None
    """Seconds of training so far, without evaluation"""

    solved_at_env_steps: int | None = None
    """First of two evaluations in a row at or above the threshold"""

    solved_at_wall_s: float | None = None
    """Seconds of training until then"""

    folder: Path
    """Where it is"""


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
    config = _read(path, dict[str, Any])
    for key, kind in _SECTIONS.items():
        if not isinstance(config.get(key, ...), kind):
            raise RunError(f"{path} is damaged: it tells no {key!r} of a training run")
    return config


def load_run(run: str | int | Path) -> RunConfig:
    """Return the configuration of a run, checked.

    Raises:
        RunError: it is missing or damaged.

    """
    from bnpo.presets import read_config

    config, path = load_config(run), find_run(run) / "config.json"
    try:
        return read_config(config)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} configures no run here: {error}") from None


def complete_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return a run's configuration with every default in its place, so that it can be compared.

    One of another version, with fields that are no more, stays as it is, and so does one that names
    classes by their module: to look at a run imports nothing.
    """
    from bnpo.presets import read_config, write_config
    from bnpo.presets.named import names_modules

    if names_modules(config):
        return config
    try:
        return write_config(read_config(config))
    except (ValueError, KeyError, TypeError, AttributeError):
        return config


def load_summary(run: str | int | Path) -> Summary:
    """Return the summary of a run.

    Raises:
        RunError: it is missing or damaged.

    """
    return _read(find_run(run) / "summary.json", Summary)


def load_history(run: str | int | Path) -> History:
    """Return the evaluations of a run.

    Raises:
        RunError: they are missing or damaged.

    """
    file = _read(find_run(run) / "history.json", _HistoryFile)
    return History(file.metric, file.threshold, file.records)


def history_state(history: History) -> dict[str, Any]:
    """Return a history as JSON holds it."""
    return {
        "metric": history.metric,
        "threshold": history.threshold,
        "records": [dataclasses.asdict(record) for record in history],
    }


def checkpoint_path(run: Path, checkpoint: Checkpoint = "last") -> Path:
    """Return where a run keeps its newest checkpoint, or will keep its first."""
    from bnpo.runs.checkpoint_folder import manifest_of

    return manifest_of(run / "checkpoints", checkpoint)


def load_agent(run: str | int | Path, checkpoint: Checkpoint = "last") -> Agent:
    """Return the agent of a run, with the policy of a checkpoint, ready to act.

    Raises:
        RunError: the run's folder or configuration is missing or damaged.
        CheckpointError: the checkpoint is.

    """
    from bnpo.presets import build_agent
    from bnpo.runs.checkpoint import load_checkpoint

    folder = find_run(run)
    config = load_config(folder)
    path = checkpoint_path(folder, checkpoint)
    state = load_checkpoint(path, rows=False)
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


def list_runs(runs: str | Path = RUNS) -> list[RunEntry]:
    """Return an entry for every run in a folder, in the order of their numbers and names.

    Raises:
        RunError: there is no such folder, or it holds no run.

    """
    folder = Path(runs)
    if not folder.is_dir():
        raise RunError(f"folder {folder} is missing: no runs are there")
    found = sorted((path.parent for path in folder.glob("*/config.json")), key=_natural)
    if not found:
        raise RunError(f"folder {folder} holds no run")
    return [read_run(path) for path in found]


def load(runs: str | Path = RUNS) -> Any:
    """Return the runs of a folder as a pandas DataFrame, a row for each (extra ``study``).

    Raises:
        MissingExtra: pandas is not installed.
        RunError: there is no such folder, or it holds no run.

    """
    pandas = require("pandas", "study", "bnpo.runs.load")
    kinds = {int | None: "Int64", float | None: "float64"}
    hints = get_type_hints(RunEntry)
    table = pandas.DataFrame([dataclasses.asdict(entry) for entry in list_runs(runs)])
    return table.astype({name: kinds[hint] for name, hint in hints.items() if hint in kinds})


def read_run(folder: Path) -> RunEntry:
    """Return what a run's folder tells, however the run ended."""
    try:
        config = load_config(folder)
        running = _is_running(folder)
        if (folder / "summary.json").is_file():
            figures = dataclasses.asdict(load_summary(folder))
        else:
            figures = _figures_so_far(folder)
    except RunError:
        return RunEntry(run=folder.name, status="damaged", folder=folder)
    names = {field.name for field in dataclasses.fields(RunEntry)}
    figures = {name: value for name, value in figures.items() if name in names}
    figures |= {name: config[name] for name in ("preset", "env", "seed")}
    if running:
        figures["status"] = "running"
    return RunEntry(**figures, run=folder.name, folder=folder)


def _figures_so_far(folder: Path) -> dict[str, Any]:
    """Return the figures of the last evaluation of a run that has no summary."""
    history = load_history(folder) if (folder / "history.json").is_file() else History()
    figures = dataclasses.asdict(history[-1]) if len(history) else {"env_steps": 0, "wall_s": 0.0}
    solved = history.solved
    if solved is not None:
        figures["solved_at_env_steps"] = solved.env_steps
        figures["solved_at_wall_s"] = solved.wall_s
    return {**figures, "status": "killed"}


def _is_running(folder: Path) -> bool:
    """Tell a run that is going on from one that was killed: it is held, or gave a sign of life.

    One that is made on another machine is not held on this one.
    """
    if is_held(folder):
        return True
    if not (folder / "run.json").is_file():
        return False
    record = _read(folder / "run.json", _Life)
    try:
        beat = datetime.fromisoformat(record.heartbeat or "").replace(tzinfo=UTC)
    except ValueError:
        return False
    silence = datetime.now(UTC) - beat
    return record.status == "RUNNING" and silence.total_seconds() < _SILENCE


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort 2 before 10."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        return read_as(path, kind)
    except ValueError as error:
        raise RunError(str(error)) from None
