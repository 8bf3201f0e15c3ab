"""Exceptions of the package, all in one place, and the nearest name for a message.

Each message is one line that names the field or the file, its value and what is allowed. Bad input
is a ValueError; the command line prints its message and exits with status 2.
"""

from __future__ import annotations

import difflib
import re
import signal
import traceback
from collections.abc import Iterable

__all__ = [
    "BadPriority",
    "CallbackError",
    "CheckpointError",
    "ConfigError",
    "Diverged",
    "ExportError",
    "Interrupted",
    "MissingExtra",
    "OfflineError",
    "RecordingError",
    "RunError",
    "StateUnknown",
    "StoppedAtOnce",
    "WorkerError",
    "did_you_mean",
    "headline",
    "printable",
]


class ConfigError(ValueError):
    """A setting cannot work; the message says where it is, its value and what is allowed."""


class MissingExtra(ConfigError, ImportError):
    """A feature that was asked for needs a package that is not installed."""


class OfflineError(ConfigError):
    """A dataset is missing, does not fit the task or cannot be learnt from."""


class RunError(ValueError):
    """A run is missing or damaged; the message names the file."""


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, of another format or cannot be written."""


class ExportError(ValueError):
    """A policy cannot be exported, or its file acts otherwise than the agent."""


class StateUnknown(ValueError):
    """An environment cannot tell its state, so only the policy of its runs can be saved."""


class BadPriority(ValueError):
    """A priority is negative, not a number or too large to be summed; the message names it."""


class RecordingError(RuntimeError):
    """An environment cannot be drawn on this machine; the message says why."""


class CallbackError(RuntimeError):
    """A callback raised; the message names it, the hook and what it raised."""


class Diverged(RuntimeError):
    """A quantity became infinite or not a number; the message names brain, quantity and step."""


class WorkerError(RuntimeError):
    """A worker process failed: the first line of the message says how, the others trace it."""

    def __init__(self, headline: str, report: str = "") -> None:
        """Put the message together."""
        super().__init__(f"{headline}\n{report}".rstrip())
        self.headline = headline
        self.report = report


class Interrupted(Exception):
    """A run ended early, in good order, because of a signal."""

    def __init__(self, signum: int) -> None:
        """Remember the signal, from which the exit status follows."""
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class StoppedAtOnce(KeyboardInterrupt):
    """A second signal ended a run where it was."""

    def __init__(self, signum: int) -> None:
        """Remember the signal, from which the exit status follows."""
        super().__init__(f"stopped at once by {signal.Signals(signum).name}")
        self.signum = signum


def headline(error: BaseException, longest: int = 300) -> str:
    """Return what was raised in one line: the type and the message, cut where it is long."""
    line = printable(" ".join("".join(traceback.format_exception_only(error)).split()))
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def printable(text: str) -> str:
    """Return text without colours, and with escapes for what no terminal should be sent."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)


def did_you_mean(name: object, known: Iterable[object], prefix: str = "") -> str:
    """Return ``"; did you mean 'x'?"`` for the known name nearest to ``name``, or nothing.

    Args:
        name: what was given
        known: names that are allowed
        prefix: written before the nearest name, which is then not quoted

    """
    close = difflib.get_close_matches(str(name), [str(one) for one in known], n=1)
    if not close:
        return ""
    nearest = f"{prefix}{close[0]}" if prefix else repr(close[0])
    return f"; did you mean {nearest}?"
