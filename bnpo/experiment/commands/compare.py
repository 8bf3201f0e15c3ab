"""``bnpo compare``: where runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bnpo.config import config
from bnpo.errors import ConfigError
from bnpo.experiment.command import Command, with_run_found
from bnpo.experiment.commands.runs import COLUMNS, FIGURES, cell

__all__ = ["CompareOptions", "compare"]


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


def compare(options: CompareOptions) -> int:
    """Show where the configurations of runs differ, and draw their curves in one picture."""
    from bnpo.compose.overrides import differing_keys
    from bnpo.runs import find_run, load_config, load_history, read_run
    from bnpo.runs.reading import complete_config
    from bnpo.show.plotting import draw
    from bnpo.show.text import columns, say

    folders = [find_run(run) for run in options.runs]
    names = _names(folders)
    histories = {name: load_history(folder) for name, folder in zip(names, folders, strict=True)}
    path = folders[0].parent / "comparison.png" if options.output is None else Path(options.output)
    try:
        draw(histories, path)
    except (ValueError, OSError) as error:
        raise ConfigError(f"runs {', '.join(names)} cannot be compared: {error}") from None
    configs = [complete_config(load_config(folder)) for folder in folders]
    rows = [[key, *map(_shown, values)] for key, values in differing_keys(configs)]
    entries = [read_run(folder) for folder in folders]
    rows += [
        [title, *(cell(title, COLUMNS[title](entry)) for entry in entries)]
        for title in ("status", *FIGURES)
    ]
    say(columns(["", *names], rows))
    say(f"\nlearning curves  {path}")
    return len(folders)


def _shown(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' own names, or their paths where two have the same name."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


COMMAND = Command(function=compare, options=CompareOptions, word="runs", check=with_run_found)
