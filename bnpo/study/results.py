"""Results of the runs of a study: scores, figures of each preset and task, tables."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.errors import RunError
from bnpo.files import read_json
from bnpo.runs import load_history, load_summary
from bnpo.runs.summary import Summary
from bnpo.show.text import markdown
from bnpo.study.plan import Job
from bnpo.study.statistics import Band, Interval, interquartile_mean
from bnpo.types.history import History

__all__ = ["Cell", "Finished", "Results", "has_whole_record", "is_trained", "read_results"]

COLUMNS = {
    "preset": "preset",
    "task": "task",
    "runs": "runs",
    "metric": "metric",
    "final": "final",
    "final_low": "final, lower",
    "final_high": "final, upper",
    "solved": "solved",
    "steps": "steps to solve",
    "seconds": "seconds to solve",
    "env_steps_per_s": "steps / s",
    "wall_s": "seconds",
}
"""Columns of the table, with their titles."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A finished run."""

    job: Job
    """The run's place in the plan"""

    folder: Path
    """The run's folder"""

    summary: Summary
    """The run's summary"""

    history: History
    """The run's evaluations"""

    @property
    def final(self) -> float:
        """Metric of the last evaluation."""
        return self.values[-1]

    @property
    def values(self) -> list[float]:
        """Metric of every evaluation."""
        return [float(getattr(record, self.history.metric)) for record in self.history]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The runs of one preset on one task."""

    preset: str
    """Label of the preset"""

    task: str
    """Label of the task"""

    runs: list[Finished]
    """Finished runs, one for each seed"""

    @property
    def final(self) -> NDArray[Any]:
        """Metric of the last evaluations, [R]."""
        return np.array([run.final for run in self.runs])

    def curve(self) -> tuple[NDArray[Any], Band]:
        """Return the environment steps [N] and the interquartile mean of the metric, [N] each.

        A run that ended early keeps its last value, as its policy would.
        """
        steps = np.unique([record.env_steps for run in self.runs for record in run.history])
        rows = []
        for run in self.runs:
            at = [record.env_steps for record in run.history]
            rows.append(np.interp(steps, at, run.values))
        return steps, interquartile_mean([np.stack(rows, -1)])

    def row(self) -> dict[str, Any]:
        """Return the figures of the table; steps and seconds are medians over all seeds."""
        first = self.runs[0].summary
        final = Interval(*(float(part) for part in interquartile_mean([self.final])))
        summaries = [run.summary for run in self.runs]
        solved = sum(one.solved_at_env_steps is not None for one in summaries)
        return {
            "preset": self.preset,
            "task": self.task,
            "runs": len(self.runs),
            "metric": first.solve_metric,
            "final": final.value,
            "final_low": final.low,
            "final_high": final.high,
            "solved": solved,
            "steps": _median([one.solved_at_env_steps for one in summaries]),
            "seconds": _median([one.solved_at_wall_s for one in summaries]),
            "env_steps_per_s": _median([one.env_steps_per_s for one in summaries]),
            "wall_s": _median([one.wall_s for one in summaries]),
        }


@dataclass(frozen=True, kw_only=True)
class Results:
    """Results of a whole study."""

    cells: list[Cell]
    """Pairs of a preset and a task that have a finished run"""

    missing: list[str]
    """Names of the runs that are not finished"""

    @property
    def presets(self) -> list[str]:
        """Labels, in the order of the plan."""
        return list(dict.fromkeys(cell.preset for cell in self.cells))

    @property
    def tasks(self) -> list[str]:
        """Labels, in the order of the plan."""
        return list(dict.fromkeys(cell.task for cell in self.cells))

    def cell(self, preset: str, task: str) -> Cell | None:
        """Return the runs of a preset on a task, None where there are none yet."""
        matching = (cell for cell in self.cells if (cell.preset, cell.task) == (preset, task))
        return next(matching, None)

    def scores(self, task: str) -> dict[str, NDArray[Any]]:
        """Return the final scores on a task by preset, [R], comparable between tasks.

        A success rate is a score as it is. Else 0 is what policies reached at the first evaluation
        and 1 is the threshold.
        """
        cells = [cell for cell in self.cells if cell.task == task]
        history = cells[0].runs[0].history
        if history.metric == "success_rate":
            return {cell.preset: cell.final for cell in cells}
        firsts = [run.values[0] for cell in cells for run in cell.runs]
        low, high = float(np.mean(firsts)), history.threshold
        if high <= low:
            high = max(low + 1e-9, *(float(cell.final.max()) for cell in cells))
        return {cell.preset: (cell.final - low) / (high - low) for cell in cells}

    def common_tasks(self, presets: Sequence[str]) -> list[str]:
        """Return the tasks on which all of these presets have a finished run."""
        return [t for t in self.tasks if all(self.cell(p, t) is not None for p in presets)]

    def rows(self) -> list[dict[str, Any]]:
        """Return the table, a row for each preset on each task."""
        return [cell.row() for cell in self.cells]

    def csv(self) -> str:
        """Return the table as CSV, with all digits; empty where there is no figure."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [*COLUMNS], lineterminator="\n")
        writer.writeheader()
        for row in self.rows():
            writer.writerow({key: None if _is_absent(val) else val for key, val in row.items()})
        return text.getvalue()

    def markdown(self) -> str:
        """Return the table in Markdown, as it is read."""
        rows = [shown_row(row) for row in self.rows()]
        titles = [*(rows[0] if rows else ["preset", "task"])]
        return markdown(titles, [[*row.values()] for row in rows]) + "\n"


def read_results(jobs: Sequence[Job], runs: Path) -> Results:
    """Read the finished runs of a study.

    Raises:
        RunError: a finished run is damaged.

    """
    cells: dict[tuple[str, str], list[Finished]] = {}
    missing = []
    for job in sorted(jobs, key=lambda job: job.seed):
        folder = runs / job.name
        if not is_trained(folder):
            missing.append(job.name)
            continue
        finished = Finished(
            job=job, folder=folder, summary=load_summary(folder), history=_measured(folder)
        )
        cells.setdefault((job.preset, job.task), []).append(finished)
    built = [Cell(preset=key[0], task=key[1], runs=finished) for key, finished in cells.items()]
    order = {(job.preset, job.task): index for index, job in enumerate(jobs)}
    built.sort(key=lambda cell: order[cell.preset, cell.task])
    return Results(cells=built, missing=missing)


def _measured(folder: Path) -> History:
    """Return the evaluations of a finished run that tell its metric.

    Raises:
        RunError: none does.

    """
    history = load_history(folder)
    measured = [record for record in history if getattr(record, history.metric) is not None]
    if not measured:
        raise RunError(f"{folder / 'history.json'} is damaged: no record has {history.metric}")
    return History(history.metric, history.threshold, measured)


def is_trained(folder: Path) -> bool:
    """Return whether a run was trained to its end and has its figures; its record may lack a part.

    Raises:
        RunError: its figures are damaged.

    """
    if not (folder / "summary.json").is_file():
        return False
    return load_summary(folder).status == "completed" and len(load_history(folder)) > 0


def has_whole_record(folder: Path) -> bool:
    """Return whether a run was trained to its end and its record was closed: nothing is left to do.

    One that was stopped while it drew its video goes on: it is trained, and draws it.
    """
    try:
        if not is_trained(folder):
            return False
        if not (folder / "run.json").exists():
            return True
        record = read_json(folder / "run.json")
    except ValueError:  # damaged: it is made again from its checkpoint
        return False
    return isinstance(record, dict) and record.get("status") == "COMPLETED"


def shown_row(row: dict[str, Any]) -> dict[str, str]:
    """Return a row of the table as it is read."""
    final = f"{row['final']:.2f}"
    if not _is_absent(row["final_low"]):
        final += f" [{row['final_low']:.2f}, {row['final_high']:.2f}]"
    return {
        "preset": row["preset"],
        "task": row["task"],
        "runs": str(row["runs"]),
        "metric": row["metric"].replace("_", " "),
        "final": final,
        "solved": f"{row['solved']}/{row['runs']}",
        **{COLUMNS[key]: _number(row[key]) for key in ("steps", "seconds", "env_steps_per_s")},
    }


def _number(value: float | None) -> str:
    if _is_absent(value):
        return "-"
    return f"{value:,.1f}" if abs(value or 0) < 100 else f"{value:,.0f}"


def _median(values: Sequence[float | None]) -> float | None:
    """Return the median where those without a value come last; None where the middle has none."""
    median = float(np.median([math.inf if value is None else value for value in values]))
    return median if math.isfinite(median) else None


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
