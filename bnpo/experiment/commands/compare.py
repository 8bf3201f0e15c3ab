"""``bnpo compare``: where runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from bnpo.config import config
from bnpo.errors import ConfigError
from bnpo.experiment.command import Command, with_run_found
from bnpo.experiment.commands.runs import COLUMNS, FIGURES, cell
from bnpo.experiment.pooling import plain_names

__all__ = ["CompareOptions", "compare"]


@config
class CompareOptions:
    """Options of ``bnpo compare``."""

    runs: list[str | int]
    """Folders of the runs, or their numbers or names."""

    metric: str | None = None
    """Figure that is drawn: mean_return, success_rate, mean_score, or a scalar of the training
    stream such as rollout/return; None: what decides when a run has solved its task."""

    x: Literal["steps", "seconds"] = "steps"
    """Horizontal axis: environment steps, or seconds of training."""

    output: str | None = None
    """Picture to write; None: comparison.png beside the first run."""

    def __post_init__(self) -> None:
        """Refuse fewer than two runs."""
        if len(self.runs) < 2:
            raise ConfigError(f"runs = {self.runs!r}: allowed are at least two runs to compare")


def compare(options: CompareOptions) -> int:
    """Show where configurations differ, figures with intervals over seeds, and curves."""
    from bnpo.compose.overrides import differing_keys
    from bnpo.experiment.pooling import group_runs
    from bnpo.runs import find_run, load_history, read_run
    from bnpo.show.plotting import draw
    from bnpo.show.text import columns, say

    folders = [find_run(run) for run in options.runs]
    groups = group_runs(folders)
    path = folders[0].parent / "comparison.png" if options.output is None else Path(options.output)
    names = ", ".join(plain_names(folders))
    try:
        histories = {one.label: [load_history(folder) for folder in one.folders] for one in groups}
        draw(histories, path, metric=options.metric, x=options.x)
    except ConfigError:
        raise
    except (ValueError, OSError) as error:
        raise ConfigError(f"runs {names} cannot be compared: {error}") from None
    runs = [", ".join(plain_names(group.folders)) for group in groups]
    rows = [["runs", *runs], ["seeds", *(", ".join(map(str, one.seeds)) for one in groups)]]
    for key, values in differing_keys([group.config for group in groups]):
        if key != "seed":
            rows.append([key, *map(_text, values)])
    entries = [[read_run(folder) for folder in group.folders] for group in groups]
    for title in ("status", *FIGURES):
        cells = [_pooled(title, [COLUMNS[title](entry) for entry in group]) for group in entries]
        if title in ("status", "success", "return", "steps") or set(cells) != {"-"}:
            rows.append([title, *cells])
    say(columns(["", *(group.label for group in groups)], rows))
    say(f"\nlearning curves  {path}")
    return len(folders)


def _pooled(title: str, values: Sequence[Any]) -> str:
    """Return a figure of the runs of a group: of several the mean and the range."""
    if len(values) == 1:
        return cell(title, values[0])
    known = [value for value in values if value is not None]
    if title == "status":
        return ", ".join(dict.fromkeys(values))
    if not known:
        return "-"
    low, high = cell(title, min(known)), cell(title, max(known))
    kind = FIGURES[title].replace("d", ".0f")
    mean = f"{sum(known) / len(known):{kind}}"
    text = mean if low == high else f"{mean} ({low} to {high})"
    return text if len(known) == len(values) else f"{text}, {len(known)} of {len(values)} runs"


def _text(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


COMMAND = Command(function=compare, options=CompareOptions, word="runs", check=with_run_found)
