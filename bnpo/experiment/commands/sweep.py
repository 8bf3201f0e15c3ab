"""``bnpo sweep``: the search for a configuration."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from bnpo.config import Count, config
from bnpo.errors import ConfigError
from bnpo.experiment.command import Command
from bnpo.experiment.commands.study import tell_time

if TYPE_CHECKING:
    from bnpo.study import Sweep

__all__ = ["SweepOptions", "sweep"]


@config
class SweepOptions:
    """Options of ``bnpo sweep``."""

    file: str | None = None
    """File of the plan, in YAML: preset, task, ranges, trials, seeds, objective, and so on."""

    preset: str | None = None
    """Preset whose configuration is searched; None: as in the file."""

    task: str | None = None
    """Task on which configurations are tried; None: as in the file, or goal_reacher."""

    trials: Count | None = None
    """Number of configurations that are tried; None: as in the file, or 30."""

    seeds: Count | list[int] | None = None
    """Number of seeds of each, or the seeds themselves; None: as in the file, or one."""

    folder: str | None = None
    """Folder of the sweep; None: as in the file, or sweeps/NAME."""

    workers: Count | None = None
    """Number of processes at a time, of one thread each; None: as in the file, or one for each
    core."""

    ray: str | None = None
    """Address of a Ray cluster that makes the runs: local, auto or HOST:PORT; None: as in the file,
    or this machine without Ray."""

    def __post_init__(self) -> None:
        """Refuse a search for nothing."""
        if self.file is None and self.preset is None:
            raise ConfigError("file is missing: bnpo sweep with FILE, or with preset=...")


def sweep(planned: Sweep) -> int:
    """Search ranges for the best configuration, in parallel, and name what mattered."""
    from bnpo.show.text import say, table

    plan = planned.plan
    runs = plan.trials * len(plan.seed_list)
    steps = f"{runs * plan.run.train.total_steps:,} environment steps at most"
    say(f"{plan.trials} trials, {runs} runs, {steps}, into {planned.folder}")
    tell_time([plan.run] * runs, planned.workers)
    best = planned.run()
    rows = {key: f"{val:.4g}" if isinstance(val, float) else str(val) for key, val in best.items()}
    say(table([*rows.items()]))
    say("")
    files = {"configuration": "best.json", "trials": "trials.csv", "importance": "importance.png"}
    say(table([(name, str(planned.folder / file)) for name, file in files.items()]))
    say(f"train it with: bnpo with {planned.folder / 'best.json'} seed=0")
    return planned.plan.trials


def _planned(options: SweepOptions, _runs: Path) -> Sweep:
    """Return the sweep, all of it checked; nothing is run and no file is written."""
    from bnpo.study import Sweep

    settings = dataclasses.asdict(options)
    return Sweep.read(settings.pop("file"), **settings)


COMMAND = Command(
    function=sweep,
    options=SweepOptions,
    plan="bnpo.study.sweep_plan:SweepPlan",
    word="file",
    check=_planned,
)
