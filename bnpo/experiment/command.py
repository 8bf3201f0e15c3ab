"""What a command of the command line is, which there are, and how what they take is checked."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bnpo.compose.options import compose_options

__all__ = [
    "COMMANDS",
    "RECORDED",
    "Command",
    "command_of",
    "prepare",
    "validated",
    "with_run_found",
]

Options = TypeVar("Options")

COMMANDS = (
    "train",
    "resume",
    "evaluate",
    "record",
    "plot",
    "print_config",
    "envs",
    "check",
    "runs",
    "compare",
    "board",
    "study",
    "sweep",
    "export",
    "profile",
    "tune_threads",
    "completion",
)
"""Names of all commands, each of which has a module of its name in ``bnpo.experiment.commands``."""

RECORDED = ("train", "resume")
"""Commands that sacred records; the others leave no record of their own."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command: what it does, what it takes, and what is checked before."""

    function: Callable[..., Any]
    """Does the work with what the command takes; its docstring is the help"""

    options: type[Any] | None = None
    """Class of its options; None: the command takes a run's configuration"""

    plan: str | None = None
    """Class of the plan that the file it takes holds, as ``module:Name``"""

    word: str | None = None
    """Option that words without a key are for"""

    check: Callable[[Any, Path], Any] | None = None
    """Takes what the command takes and the folder of runs, and returns it complete"""

    @property
    def help(self) -> str:
        """What the command does, in one line."""
        return (self.function.__doc__ or "").strip().splitlines()[0]


def command_of(name: str) -> Command:
    """Return a command by its name."""
    command: Command = importlib.import_module(f"bnpo.experiment.commands.{name}").COMMAND
    return command


def prepare(name: str, named: Sequence[str], updates: Mapping[str, Any], runs: Path) -> Any:
    """Return what a command takes, complete and checked; nothing is written.

    Args:
        name: of the command
        named: presets, tasks and files
        updates: overrides
        runs: where runs are that are given by their number

    Returns:
        The command's options, or a RunConfig.

    Raises:
        ConfigError: naming the field that cannot work, its value and what is allowed.

    """
    command = command_of(name)
    if command.options is None:
        from bnpo.compose.composition import compose_run

        taken: Any = compose_run(named, updates)
    else:
        taken = compose_options(name, command.options, named, updates)
    return taken if command.check is None else command.check(taken, runs)


def with_run_found(options: Options, runs: Path) -> Options:
    """Return options with the folders of the runs that they name.

    Raises:
        RunError: a run is missing.

    """
    from bnpo.runs import find_run

    of: Any = options
    if hasattr(of, "run"):
        changes: dict[str, Any] = {"run": str(find_run(of.run, runs))}
    else:
        named = of.runs if isinstance(of.runs, list) else [of.runs]
        changes = {"runs": [str(find_run(run, runs)) for run in named]}
    complete: Options = dataclasses.replace(of, **changes)
    return complete


def validated(run: Any, _runs: Path) -> Any:
    """Return a run's configuration that can be trained.

    Raises:
        ConfigError: naming what cannot work.

    """
    from bnpo.compose.validation import validate

    validate(run)
    return run
