"""``bnpo study``: presets on tasks with seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnpo.config import Count, config
from bnpo.experiment.command import Command

if TYPE_CHECKING:
    from bnpo.config import RunConfig
    from bnpo.study import Study

__all__ = ["StudyOptions", "study", "tell_time"]


@config
class StudyOptions:
    """Options of ``bnpo study``."""

    file: str
    """File of the plan, in YAML: presets, tasks, seeds, overrides."""

    folder: str | None = None
    """Folder of the study; None: as in the file, or studies/NAME."""

    workers: Count | None = None
    """Number of processes at a time, of one thread each; None: as in the file, or one for each
    core."""

    ray: str | None = None
    """Address of a Ray cluster that makes the runs: local, auto or HOST:PORT; None: as in the file,
    or this machine without Ray."""

    seeds: Count | list[int] | None = None
    """Number of seeds, or the seeds themselves; None: as in the file."""


def study(planned: Study) -> int:
    """Run presets on tasks with several seeds, in parallel, and report on them."""
    from bnpo.show.text import say, table

    runs = [job.run for job in planned.jobs]
    steps = sum(run.train.total_steps for run in runs)
    say(f"{len(runs)} runs, {steps:,} environment steps together, into {planned.folder}")
    tell_time(runs, planned.workers)
    results = planned.run()
    say(results.markdown().rstrip())
    say("")
    files = {"table": "table.csv", "report": "report.html"}
    say(table([(name, str(planned.folder / file)) for name, file in files.items()]))
    return len(planned.jobs)


def tell_time(runs: Sequence[RunConfig], workers: int | None) -> None:
    """Say about how long runs will take on this machine; nothing where a cluster makes them."""
    from bnpo.show.text import say
    from bnpo.study.estimate import about, estimated_seconds

    if workers is None:
        return
    seconds = estimated_seconds(runs, workers)
    if seconds is not None:
        processes = "1 process" if workers == 1 else f"{workers} processes"
        say(f"{about(seconds)} of training on {processes}, evaluations aside")


def _planned(options: StudyOptions, _runs: Path) -> Study:
    """Return the study, all of it checked; nothing is run and no file is written."""
    from bnpo.study import Study

    settings = dataclasses.asdict(options)
    return Study.read(settings.pop("file"), **settings)


COMMAND = Command(
    function=study,
    options=StudyOptions,
    plan="bnpo.study.plan:StudyPlan",
    word="file",
    check=_planned,
)
