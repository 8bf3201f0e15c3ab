"""The command that runs a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnpo.config import Count, config
from bnpo.experiment.report import say, table
from bnpo.experiment.validation import plain

__all__ = ["StudyOptions", "study"]


@config
class StudyOptions:
    """Options of ``bnpo study``."""

    file: str
    """The plan, in YAML: presets, tasks, seeds, overrides."""

    folder: str | None = None
    """Where everything goes; None: as in the file, or studies/NAME."""

    workers: Count | None = None
    """Processes at a time, of one thread each; None: as in the file, or one for each core."""

    seeds: Count | list[int] | None = None
    """How many seeds, or which; None: as in the file."""


def study(_config: Mapping[str, Any]) -> int:
    """Run presets on tasks with several seeds, in parallel, and report on them."""
    from bnpo.study import Study

    given = {key: value for key, value in plain(_config).items() if key != "seed"}
    made = Study.read(given.pop("file"), **given)
    results = made.run()
    say(results.markdown().rstrip())
    say("")
    say(
        table([("table", str(made.folder / "table.csv")), ("report", f"{made.folder}/report.html")])
    )
    return len(made.jobs)
