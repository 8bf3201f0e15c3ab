"""The commands beside a single run: what is registered with the experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bnpo.experiment.exporting import ExportOptions, export
from bnpo.experiment.listing import EnvsOptions, envs
from bnpo.experiment.profiling import profile
from bnpo.experiment.reading import CompareOptions, RunsOptions, compare, runs
from bnpo.experiment.studying import (
    StudyOptions,
    SweepOptions,
    make_study,
    make_sweep,
    study,
    sweep,
)
from bnpo.experiment.tuning import tune_threads

__all__ = ["COMMANDS", "ELSEWHERE", "ON_RAY", "OPTIONS", "TRAINING", "placed", "spelled_out"]

COMMANDS: tuple[Callable[..., Any], ...] = (
    envs,
    runs,
    compare,
    study,
    sweep,
    export,
    profile,
    tune_threads,
)
"""Functions of the configuration that leave no record of their own."""

TRAINING = ("train", "profile", "tune_threads")
"""Commands that take a run's configuration and train."""

OPTIONS: dict[str, type[Any]] = {
    "envs": EnvsOptions,
    "runs": RunsOptions,
    "compare": CompareOptions,
    "study": StudyOptions,
    "sweep": SweepOptions,
    "export": ExportOptions,
}
"""What they take."""

ELSEWHERE = ("envs", "runs", "study", "sweep")
"""Those that work on no run in particular."""

_PLANS: dict[str, Callable[..., Any]] = {"study": make_study, "sweep": make_sweep}
_OF_FILE = tuple(_PLANS)

ON_RAY = tuple(_PLANS)
"""Those that a Ray cluster can do."""


def placed(command: str, options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return options with the folder of runs filled in where none is given; check plans."""
    if command in _PLANS:
        _PLANS[command](options)
    if command == "runs" and options["folder"] is None:
        return {**options, "folder": str(folder)}
    return options


def spelled_out(command: str, words: Sequence[str]) -> list[str]:
    """Return the words after a command with the keys that may be left out.

    ``compare 3 5`` is ``with runs=[3, 5]``, ``study with FILE`` is ``with file=FILE``.
    """
    if command == "compare" and words and words[0] != "with":
        end = list(words).index("with") if "with" in words else len(words)
        given = [int(word) if word.isdigit() else word for word in words[:end]]
        return ["with", f"runs={given!r}", *words[end + 1 :]]
    if command in _OF_FILE and words and words[0] == "with":
        return ["with", *(word if "=" in word else f"file={word}" for word in words[1:])]
    return [*words]
