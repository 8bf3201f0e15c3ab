"""``bnpo plot``: learning curves."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bnpo.config import config
from bnpo.errors import ConfigError
from bnpo.experiment.command import Command, with_run_found

__all__ = ["PlotOptions", "plot"]


@config
class PlotOptions:
    """Options of ``bnpo plot``."""

    runs: str | int | list[str | int]
    """Folders of the runs, or their numbers or names."""

    metric: str | None = None
    """Figure that is drawn: mean_return, success_rate, mean_score, or a scalar of the training
    stream such as rollout/return or ddpg/critic_loss; None: what decides when a run has solved."""

    x: Literal["steps", "seconds"] = "steps"
    """Horizontal axis: environment steps, or seconds of training."""

    output: str | None = None
    """Picture to write; None: learning_curve.png in the run, learning_curves.png beside several;
    with another metric or axis than the run's own their names follow, as in
    learning_curve-rollout-return-seconds.png."""

    def __post_init__(self) -> None:
        """Refuse an empty list."""
        if self.runs == []:
            raise ConfigError("PlotOptions.runs = []: allowed is a list of at least one run")


def plot(options: PlotOptions) -> int:
    """Draw learning curves: runs that differ by their seed alone as mean and interval."""
    from bnpo.experiment.pooling import group_runs
    from bnpo.runs import find_run, load_history
    from bnpo.show.plotting import draw
    from bnpo.show.text import say, table

    runs = options.runs if isinstance(options.runs, list) else [options.runs]
    folders = [find_run(run) for run in runs]
    groups = group_runs(folders)
    histories = {one.label: [load_history(folder) for folder in one.folders] for one in groups}
    parts = [(options.metric or "").replace("/", "-"), "" if options.x == "steps" else options.x]
    name = "-".join(filter(None, ["learning_curve" + "s" * (len(folders) > 1), *parts])) + ".png"
    path = folders[0] / name
    if len(folders) > 1:
        path = folders[0].parent / name
    if options.output is not None:
        path = Path(options.output)
    title = groups[0].label if len(folders) == 1 else None
    try:
        draw(
            next(iter(histories.values())) if len(folders) == 1 else histories,
            path,
            title,
            metric=options.metric,
            x=options.x,
        )
    except ConfigError:
        raise
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path} cannot be drawn: {error}") from None
    say(table([("learning curve", str(path))]))
    return len(folders)


COMMAND = Command(function=plot, options=PlotOptions, word="runs", check=with_run_found)
