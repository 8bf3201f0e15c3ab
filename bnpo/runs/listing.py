"""Lists of runs: what the folder of each tells, however the run ended."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

from bnpo.errors import RunError
from bnpo.extras import require
from bnpo.runs.folder import is_held
from bnpo.runs.reading import RUNS, load_config, load_history, load_summary, read_file
from bnpo.types.history import History

__all__ = ["RunEntry", "list_runs", "load", "read_run"]

_SILENCE = 60.0
"""Seconds without a sign of life after which a run counts as killed."""


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

    mean_score: float | None = None
    """Environment's own score in the last evaluation, where it has one"""

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


def list_runs(runs: str | Path = RUNS) -> list[RunEntry]:
    """Return an entry for every run in a folder, in the order of their numbers and names.

    Raises:
        RunError: there is no such folder, or it holds no run.

    """
    folder = Path(runs)
    if not folder.is_dir():
        raise RunError(f"folder {folder} is missing: no runs are there")
    folders = sorted((path.parent for path in folder.glob("*/config.json")), key=_natural)
    if not folders:
        raise RunError(f"folder {folder} holds no run")
    return [read_run(path) for path in folders]


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
    record = read_file(folder / "run.json", _Life)
    try:
        beat = datetime.fromisoformat(record.heartbeat or "").replace(tzinfo=UTC)
    except ValueError:
        return False
    silence = datetime.now(UTC) - beat
    return record.status == "RUNNING" and abs(silence.total_seconds()) < _SILENCE


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort 2 before 10."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
