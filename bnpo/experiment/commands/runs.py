"""``bnpo runs``: a list of runs, filtered and sorted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnpo.config import Count, config
from bnpo.errors import ConfigError
from bnpo.experiment.command import Command, with_run_found

if TYPE_CHECKING:
    from bnpo.runs import RunEntry

__all__ = ["COLUMNS", "FIGURES", "RunsOptions", "cell", "runs"]

COLUMNS: dict[str, Callable[[RunEntry], Any]] = {
    "run": lambda entry: entry.run,
    "status": lambda entry: entry.status,
    "preset": lambda entry: entry.preset,
    "env": lambda entry: entry.env,
    "seed": lambda entry: entry.seed,
    "success": lambda entry: entry.success_rate,
    "return": lambda entry: entry.mean_return,
    "score": lambda entry: entry.mean_score,
    "steps": lambda entry: entry.env_steps,
    "seconds": lambda entry: entry.wall_s,
    "solved_at": lambda entry: entry.solved_at_env_steps,
}
"""Values of a run in the list, by the title of their column."""

FIGURES = {
    **{"success": ".2f", "return": ".2f", "score": ".2f"},
    **{"steps": ",d", "seconds": ",.1f", "solved_at": ",d"},
}
"""Formats of the columns of figures."""

_RANGES = ("success", "steps", "seconds")


@config
class RunsOptions:
    """Options of ``bnpo runs``: which runs are listed, and in what order."""

    runs: str | int | list[str | int] | None = None
    """Folders of the runs to list, or their numbers or names; None: all."""

    folder: str | None = None
    """Folder of the runs; None: where new runs are put."""

    status: str | None = None
    """Status: completed, interrupted, failed, running, killed or damaged."""

    preset: str | None = None
    """Name of the preset."""

    env: str | None = None
    """Gymnasium id or a part of it."""

    seeds: int | list[int] | None = None
    """Seed of the runs, or several."""

    success: str | float | None = None
    """Success rate: a number, or a range such as 0.9.. or ..0.5 or 0.2..0.8."""

    steps: str | float | None = None
    """Environment steps: a number or a range."""

    seconds: str | float | None = None
    """Seconds of training: a number or a range."""

    sort: str = "run"
    """Column to sort by; -COLUMN puts the largest first."""

    limit: Count | None = None
    """Largest number of lines."""

    def __post_init__(self) -> None:
        """Check ranges and the column."""
        for name in _RANGES:
            _bounds(name, getattr(self, name))
        if self.sort.removeprefix("-") not in COLUMNS:
            raise ConfigError(
                f"sort = {self.sort!r}: allowed is one of {', '.join(COLUMNS)}, or -COLUMN"
            )


def runs(options: RunsOptions) -> int:
    """List runs: status, preset, env, seed, success, steps, seconds; filtered and sorted."""
    from bnpo.runs import find_run, list_runs, read_run
    from bnpo.show.text import columns, say

    if isinstance(options.runs, list):
        known = [read_run(find_run(run)) for run in options.runs]
    else:
        known = list_runs(str(options.folder))
    entries = [entry for entry in known if _passes(entry, options)]
    entries = _sorted(entries, options.sort)[: options.limit]
    scored = any(entry.mean_score is not None for entry in entries)
    titles = {name: value for name, value in COLUMNS.items() if scored or name != "score"}
    rows = [[cell(name, value(entry)) for name, value in titles.items()] for entry in entries]
    say(columns([*titles], rows) if rows else "no run matches")
    return len(entries)


def cell(title: str, value: Any) -> str:
    """Return a value as it stands in its column."""
    return "-" if value is None else format(value, FIGURES.get(title, ""))


def _passes(entry: RunEntry, options: RunsOptions) -> bool:
    """Return whether a run is among those asked for."""
    seeds = [options.seeds] if isinstance(options.seeds, int) else options.seeds
    return (
        options.status in (None, entry.status)
        and options.preset in (None, entry.preset)
        and (options.env is None or options.env in (entry.env or ""))
        and (seeds is None or entry.seed in seeds)
        and all(_within(name, COLUMNS[name](entry), getattr(options, name)) for name in _RANGES)
    )


def _within(name: str, value: float | None, condition: str | float | None) -> bool:
    if condition is None:
        return True
    low, high = _bounds(name, condition)
    return value is not None and low <= value <= high


def _bounds(name: str, condition: str | float | None) -> tuple[float, float]:
    """Return both ends of a range; a number is a range of its own."""
    low, dots, high = str(condition if condition is not None else "..").partition("..")
    try:
        start = float(low) if low else float("-inf")
        end = float(high) if high else float("inf")
    except ValueError:
        raise ConfigError(
            f"{name} = {condition!r}: allowed is a number, or a range: LOW.. or ..HIGH or LOW..HIGH"
        ) from None
    return start, end if dots else start


def _sorted(entries: list[RunEntry], sort: str) -> list[RunEntry]:
    """Sort by a column, runs without a value last; by name they are sorted already."""
    column, reverse = COLUMNS[sort.removeprefix("-")], sort.startswith("-")
    known = [entry for entry in entries if column(entry) is not None]
    unknown = [entry for entry in entries if column(entry) is None]
    if sort.removeprefix("-") != "run":
        known.sort(key=column, reverse=reverse)
    elif reverse:
        known.reverse()
    return known + unknown


def _in_folder(options: RunsOptions, runs: Path) -> RunsOptions:
    """Return options with the folder of new runs where none is given, and the runs found in it."""
    if options.folder is None:
        options = dataclasses.replace(options, folder=str(runs))
    if options.runs is None:
        return options
    return with_run_found(options, Path(str(options.folder)))


COMMAND = Command(function=runs, options=RunsOptions, word="runs", check=_in_folder)
