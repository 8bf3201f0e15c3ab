"""The commands that run a study or a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnpo.compose.validation import plain
from bnpo.config import Count, config
from bnpo.errors import ConfigError
from bnpo.show.text import say, table

__all__ = ["StudyOptions", "SweepOptions", "make_study", "make_sweep", "study", "sweep"]


@config
class StudyOptions:
    """Options of ``bnpo study``."""

    file: str
    """The plan, in YAML: presets, tasks, seeds, overrides."""

    folder: str | None = None
    """Where everything goes; None: as in the file, or studies/NAME."""

    workers: Count | None = None
    """Processes at a time, of one thread each; None: as in the file, or one for each core."""

    ray: str | None = None
    """Address of a Ray cluster that makes the runs: local, auto or HOST:PORT; None: as in the file,
    or this machine without Ray."""

    seeds: Count | list[int] | None = None
    """How many seeds, or which; None: as in the file."""


@config
class SweepOptions:
    """Options of ``bnpo sweep``."""

    file: str | None = None
    """The plan, in YAML: preset, task, ranges, trials, seeds, objective, prune, overrides."""

    preset: str | None = None
    """Preset whose configuration is searched; None: as in the file."""

    task: str | None = None
    """Task it is tried on; None: as in the file, or goal_reacher."""

    trials: Count | None = None
    """Configurations that are tried; None: as in the file, or 30."""

    seeds: Count | list[int] | None = None
    """How many seeds each is tried with, or which; None: as in the file, or one."""

    folder: str | None = None
    """Where everything goes; None: as in the file, or sweeps/NAME."""

    workers: Count | None = None
    """Processes at a time, of one thread each; None: as in the file, or one for each core."""

    ray: str | None = None
    """Address of a Ray cluster that makes the runs: local, auto or HOST:PORT; None: as in the file,
    or this machine without Ray."""

    def __post_init__(self) -> None:
        """Refuse a search for nothing."""
        if self.file is None and self.preset is None:
            raise ConfigError("file is missing: bnpo sweep with FILE, or with preset=...")


def make_study(options: Mapping[str, Any]) -> Any:
    """Check all of a study; nothing is run and no file is written."""
    from bnpo.study import Study

    given = {key: value for key, value in plain(options).items() if key != "seed"}
    return Study.read(given.pop("file"), **given)


def make_sweep(options: Mapping[str, Any]) -> Any:
    """Check all of a sweep; nothing is run and no file is written."""
    from bnpo.study import Sweep

    given = {key: value for key, value in plain(options).items() if key != "seed"}
    return Sweep.read(given.pop("file"), **given)


def study(_config: Mapping[str, Any]) -> int:
    """Run presets on tasks with several seeds, in parallel, and report on them."""
    made = make_study(_config)
    results = made.run()
    say(results.markdown().rstrip())
    say("")
    say(
        table([("table", str(made.folder / "table.csv")), ("report", f"{made.folder}/report.html")])
    )
    return len(made.jobs)


def sweep(_config: Mapping[str, Any]) -> int:
    """Search ranges for the best configuration, in parallel, and name what mattered."""
    made = make_sweep(_config)
    best = made.run()
    say(
        table(
            [
                (path, f"{value:.4g}" if isinstance(value, float) else str(value))
                for path, value in best.items()
            ]
        )
    )
    say("")
    rows = {"configuration": "best.json", "trials": "trials.csv", "importance": "importance.png"}
    say(table([(name, str(made.folder / file)) for name, file in rows.items()]))
    say(f"train it with: bnpo with {made.folder / 'best.json'} seed=0")
    return int(made.plan.trials)
