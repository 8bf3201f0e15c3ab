"""Commands that read many runs: a filtered list, and a comparison of configurations and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnpo.compose.overrides import differing_keys
from bnpo.compose.validation import plain
from bnpo.config import Count, config
from bnpo.errors import ConfigError
from bnpo.runs import RunEntry, find_run, list_runs, load_config, load_history, read_run
from bnpo.show.plotting import draw
from bnpo.show.text import columns, say

__all__ = ["CompareOptions", "RunsOptions", "compare", "runs"]

_COLUMNS: dict[str, Callable[[RunEntry], Any]] = {
    "run": lambda entry: entry.run,
    "status": lambda entry: entry.status,
    "preset": lambda entry: entry.preset,
    "env": lambda entry: entry.env,
    "seed": lambda entry: entry.seed,
    "success": lambda entry: entry.success_rate,
    "return": lambda entry: entry.mean_return,
    "steps": lambda entry: entry.env_steps,
    "seconds": lambda entry: entry.wall_s,
    "solved_at": lambda entry: entry.solved_at_env_steps,
}
_FORMATS = {"success": ".2f", "return": ".2f", "steps": ",d", "seconds": ",.1f", "solved_at": ",d"}
_RANGES = ("success", "steps", "seconds")


@config
class RunsOptions:
    """Options of ``bnpo runs``: which runs are listed, and in what order."""

    folder: str | None = None
    """Where the runs are; None: where new runs are put."""

    status: str | None = None
    """completed, interrupted, failed, running, killed or damaged."""

    preset: str | None = None
    """Preset."""

    env: str | None = None
    """Gymnasium id or a part of it."""

    seeds: int | list[int] | None = None
    """Seed, or several."""

    success: str | float | None = None
    """Success rate: a number, or a range such as 0.9.. or ..0.5 or 0.2..0.8."""

    steps: str | float | None = None
    """Environment steps: a number or a range."""

    seconds: str | float | None = None
    """Seconds of training: a number or a range."""

    sort: str = "run"
    """Column to sort by; -COLUMN puts the largest first."""

    limit: Count | None = None
    """At most so many lines."""

    def __post_init__(self) -> None:
        """Check ranges and the column."""
        for name in _RANGES:
            _bounds(name, getattr(self, name))
        if self.sort.removeprefix("-") not in _COLUMNS:
            raise ConfigError(
                f"sort = {self.sort!r}: allowed is one of {', '.join(_COLUMNS)}, or -COLUMN"
            )


@config
class CompareOptions:
    """Options of ``bnpo compare``."""

    runs: list[str | int]
    """Folders of the runs, or their numbers or names."""

    output: str | None = None
    """Picture to write; None: comparison.png beside the first run."""

    def __post_init__(self) -> None:
        """Refuse fewer than two runs."""
        if len(self.runs) < 2:
            raise ConfigError(f"runs = {self.runs!r}: allowed are at least two runs to compare")


def runs(_config: Mapping[str, Any]) -> int:
    """List runs: status, preset, env, seed, success, steps, seconds; filtered and sorted."""
    options = RunsOptions(**{key: val for key, val in plain(_config).items() if key != "seed"})
    entries = [entry for entry in list_runs(str(options.folder)) if _passes(entry, options)]
    entries = _sorted(entries, options.sort)[: options.limit]
    say(_table(entries) if entries else "no run matches")
    return len(entries)


def compare(_config: Mapping[str, Any]) -> int:
    """Show where the configurations of runs differ, and draw their curves in one picture."""
    options = CompareOptions(**{key: val for key, val in plain(_config).items() if key != "seed"})
    folders = [find_run(run) for run in options.runs]
    names = _names(folders)
    histories = {name: load_history(folder) for name, folder in zip(names, folders, strict=True)}
    path = folders[0].parent / "comparison.png" if options.output is None else Path(options.output)
    try:
        draw(histories, path)
    except (ValueError, OSError) as error:
        raise ConfigError(f"runs {', '.join(names)} cannot be compared: {error}") from None
    configs = [load_config(folder) for folder in folders]
    rows = [[key, *map(_shown, values)] for key, values in differing_keys(configs)]
    entries = [read_run(folder) for folder in folders]
    for title in ("status", *_FORMATS):
        values = [_cell(title, _COLUMNS[title](entry)) for entry in entries]
        rows.append([title, *values])
    say(columns(["", *names], rows))
    say(f"\nlearning curves  {path}")
    return len(folders)


def _passes(entry: RunEntry, options: RunsOptions) -> bool:
    """Whether a run is among those asked for."""
    seeds = [options.seeds] if isinstance(options.seeds, int) else options.seeds
    return (
        options.status in (None, entry.status)
        and options.preset in (None, entry.preset)
        and (options.env is None or options.env in (entry.env or ""))
        and (seeds is None or entry.seed in seeds)
        and all(_within(name, _COLUMNS[name](entry), getattr(options, name)) for name in _RANGES)
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
    column, reverse = _COLUMNS[sort.removeprefix("-")], sort.startswith("-")
    known = [entry for entry in entries if column(entry) is not None]
    unknown = [entry for entry in entries if column(entry) is None]
    if sort.removeprefix("-") != "run":
        known.sort(key=column, reverse=reverse)
    elif reverse:
        known.reverse()
    return known + unknown


def _table(entries: Sequence[RunEntry]) -> str:
    rows = [[_cell(name, value(entry)) for name, value in _COLUMNS.items()] for entry in entries]
    return columns([*_COLUMNS], rows)


def _cell(name: str, value: Any) -> str:
    return "-" if value is None else format(value, _FORMATS.get(name, ""))


def _shown(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' own names, or their paths where two have the same name."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]
