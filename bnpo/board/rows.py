"""A run as a row of the board's table."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bnpo.board.tails import last_line
from bnpo.errors import RunError
from bnpo.files import read_json
from bnpo.runs import load_config, load_history, load_summary, read_run
from bnpo.runs.reading import read_file

__all__ = ["Row", "finite", "row_of", "started_at", "waiting_row"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run in the table; None stands where the run has no such figure."""

    id: str
    """Path from the folder that the board shows"""

    place: str
    """Folder of the runs that it lies among, from there; a study's without its last ``/runs``"""

    run: str
    """Name of its folder"""

    status: str
    """waiting, running, completed, interrupted, failed, killed or damaged"""

    preset: str | None = None
    """Preset that its brains came from"""

    task: str | None = None
    """Gymnasium id"""

    seed: int | None = None
    """Its seed"""

    metric: str | None = None
    """What counts on its task: success_rate, mean_return or mean_score"""

    threshold: float | None = None
    """Value of the metric from which on the task counts as solved"""

    success: float | None = None
    """Success rate of the last evaluation"""

    figure: float | None = None
    """Value of the metric at the last evaluation"""

    steps: int | None = None
    """Environment steps so far"""

    total: int | None = None
    """Environment steps when it is through"""

    speed: float | None = None
    """Environment steps per second of training"""

    seconds: float | None = None
    """Seconds of training so far"""

    left: float | None = None
    """Seconds until it is through, evaluations counted, at most"""

    solved_at: int | None = None
    """Environment steps at which the task was solved"""

    group: str = ""
    """The same for runs that differ by their seed alone"""


def row_of(name: str, folder: Path) -> Row:
    """Return the row of a run, however damaged it is.

    Args:
        name: path of the run from the folder that the board shows
        folder: where the run is

    """
    try:
        return _row(name, folder)
    except (RunError, OSError):
        place, run = placed(name)
        return Row(id=name, place=place, run=run, status="damaged", group=name)


def _row(name: str, folder: Path) -> Row:
    """Return the row of a run.

    Raises:
        RunError: one of its files is damaged.
        OSError: one of them cannot be read.

    """
    place, run = placed(name)
    entry = read_run(folder)
    if entry.status == "damaged":
        raise RunError(f"{folder} is damaged")
    config = load_config(folder)
    metric, threshold, figure = _judged(folder)
    steps, seconds, speed = entry.env_steps, finite(entry.wall_s), None
    left = None
    if steps and seconds:
        speed = steps / seconds
    if entry.status == "running":
        line = last_line(folder)
        steps = int(line.get("env_steps", steps or 0))
        seconds = line.get("wall_s", seconds)
        speed = line.get("time/env_steps_per_s", speed)
        left = _left(folder, steps, _total(config), line.get("time"))
    return Row(
        **_named(config, place),
        id=name,
        place=place,
        run=run,
        status=entry.status,
        metric=metric,
        threshold=finite(threshold),
        success=finite(entry.success_rate),
        figure=finite(figure),
        steps=steps,
        total=_total(config),
        speed=speed,
        seconds=seconds,
        left=left,
        solved_at=entry.solved_at_env_steps,
    )


def waiting_row(name: str, path: Path) -> Row:
    """Return the row of a run that its study has not begun; ``path`` is its configuration."""
    place, run = placed(name)
    try:
        config = read_file(path, dict[str, Any])
    except RunError:
        config = {}
    return Row(
        **_named(config, place),
        id=name,
        place=place,
        run=run,
        status="waiting",
        total=_total(config),
    )


def placed(name: str) -> tuple[str, str]:
    """Return where a run lies, and its own name."""
    place, _, run = name.rpartition("/")
    return place.removesuffix("/runs"), run


def finite(value: float | None) -> float | None:
    """Return a number that JSON has, None for others."""
    return None if value is None or not math.isfinite(value) else value


def started_at(folder: Path) -> datetime | None:
    """When a run was started, None where that is not known or it has been resumed since."""
    try:
        record = read_json(folder / "run.json")
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("resumed"):
        return None
    try:
        return datetime.fromisoformat(str(record.get("start_time"))).replace(tzinfo=UTC)
    except ValueError:
        return None


def _named(config: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return what a configuration says that a run is; values of other types are left out."""
    kinds: dict[str, tuple[str, type[Any]]] = {
        "preset": ("preset", str),
        "task": ("env", str),
        "seed": ("seed", int),
    }
    named = {
        name: config[key]
        for name, (key, kind) in kinds.items()
        if isinstance(config.get(key), kind)
    }
    rest = {key: value for key, value in config.items() if key != "seed"}
    text = json.dumps([place, rest], sort_keys=True, default=str)
    return {**named, "group": hashlib.sha256(text.encode()).hexdigest()[:16]}


def _judged(folder: Path) -> tuple[str | None, float | None, Any]:
    """Return the metric of a run, its threshold, and its value at the last evaluation.

    Raises:
        RunError: summary or history is damaged.

    """
    if (folder / "summary.json").is_file():
        summary = load_summary(folder)
        figure = getattr(summary, summary.solve_metric)
        return summary.solve_metric, summary.solve_threshold, figure
    if not (folder / "history.json").is_file():
        return None, None, None
    history = load_history(folder, training=False)
    figure = getattr(history[-1], history.metric) if len(history) else None
    return history.metric, history.threshold, figure


def _total(config: Mapping[str, Any]) -> int | None:
    total = config.get("total_steps")
    return total if isinstance(total, int) and not isinstance(total, bool) else None


def _left(folder: Path, steps: int, total: int | None, at: float | None) -> float | None:
    """Return the seconds until a run is through, from the time that it took so far.

    Args:
        folder: of the run
        steps: environment steps that it had made
        total: that it will make
        at: when it had made them (seconds since 1970); None: when it was evaluated last

    """
    began = started_at(folder)
    if began is None or not steps or total is None:
        return None
    if at is None:
        try:
            at = (folder / "history.json").stat().st_mtime
        except OSError:
            return None
    taken = at - began.timestamp()
    since = datetime.now(UTC).timestamp() - at
    return max(0.0, taken * (total - steps) / steps - since) if taken > 0 else None
