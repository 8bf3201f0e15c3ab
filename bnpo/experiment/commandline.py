"""The command line: parsing, help, and errors in one line."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from bnpo.compose.overrides import Overrides, parse
from bnpo.errors import (
    CallbackError,
    CheckpointError,
    ConfigError,
    Diverged,
    Interrupted,
    RunError,
    StoppedAtOnce,
    WorkerError,
    did_you_mean,
    printable,
)
from bnpo.experiment.command import COMMANDS, RECORDED, command_of, prepare
from bnpo.experiment.helping import FLAGS, help_on, overview
from bnpo.presets import PRESETS, TASKS
from bnpo.runs import RUNS
from bnpo.show.streams import lost_output
from bnpo.show.text import say

__all__ = ["main"]

OWN_FLAGS = {"ray": ("study", "sweep"), "port": ("board",), "host": ("board",)}
"""Keys that may be written as options, too, and the commands that have them."""

LEAVING_FILES = ("train", "resume", "record", "plot", "study", "sweep", "export")
"""Commands whose work is not in what they print."""

_LONGEST = 1_000
"""Characters of a line of error; of a longer one the middle is left out."""

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ConfigError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status.

    Args:
        argv: the words after the program's name; None takes those of the process

    Returns:
        0 when all went well, 1 after numbers that are not finite, the failure of a worker or of a
        callback, 2 after bad input or where files cannot be written, each told in one line, 130 or
        143 after SIGINT or SIGTERM. Anything unforeseen is raised.

    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _final_status(_run(words))
    except (ConfigError, CheckpointError, RunError, OSError) as error:
        return _complain(error)
    except (CallbackError, Diverged) as error:
        _complain(error)
        return 1
    except WorkerError as error:
        _complain(error.headline)
        return 1
    except Interrupted as error:
        sys.stderr.write(f"bnpo: {error}\n")
        return 128 + error.signum
    except KeyboardInterrupt as error:
        sys.stderr.write("bnpo: stopped at once\n")
        return 128 + (error.signum if isinstance(error, StoppedAtOnce) else signal.SIGINT)


def _final_status(command: str | None) -> int:
    """Return the status of a command that did its work: 2 where what it printed was lost."""
    if (reason := lost_output()) is None:
        return 0
    if command not in LEAVING_FILES:
        return _complain(reason)
    sys.stderr.write(f"bnpo: {reason}; all else is done\n")
    sys.stderr.flush()
    return 0


def _complain(error: Exception | str) -> int:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        name = "the system" if error.filename is None else str(error.filename)
        text = f"{name if len(name) <= 200 else f'{name[:150]}...'}: {error.strerror}"
    text = printable(" ".join(text.split()))
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 300]} ... {text[-300:]}"
    sys.stderr.write(f"bnpo: error: {text}\n")
    return 2


def _run(words: Sequence[str]) -> str | None:
    """Run a command line; return its command."""
    command, updates, flags = _parse(words)
    if command in (None, "help") or flags["help"]:
        topic = next(iter(updates), None) if command == "help" else command
        say(help_on(topic) if topic else overview())
        return None
    if flags["version"]:
        from bnpo.version import __version__

        say(f"bnpo {__version__}")
        return None
    assert command is not None
    names, overrides = parse(updates)
    _quiet(flags["--loglevel"])
    if command in RECORDED and not flags["dry_run"]:
        _record(command, names, overrides, flags)
        return command
    taken = prepare(command, names, overrides, Path(flags["--file_storage"] or RUNS))
    if flags["dry_run"]:
        say("the configuration is valid")
    else:
        command_of(command).function(taken)
    return command


def _record(command: str, names: list[str], overrides: Overrides, flags: dict[str, Any]) -> None:
    """Let sacred run a command and keep its record."""
    from bnpo.experiment.definition import experiment

    options = {name: value for name, value in flags.items() if name.startswith("--")}
    experiment.run(command, overrides, names, options=options)


def _quiet(level: str | None) -> None:
    """Let sacred tell warnings and errors alone."""
    with contextlib.suppress(ImportError):
        # gymnasium_robotics prints an announcement about environments that are not ours.
        notices = importlib.import_module("farama_notifications").notifications
        notices.pop("gymnasium_robotics", None)
    if level is not None:
        logging.basicConfig(format="%(levelname)s - %(message)s")
    logging.getLogger("bnpo").setLevel(level or "WARNING")


def _parse(words: Sequence[str]) -> tuple[str | None, list[str], dict[str, Any]]:
    """Split the command line into the command, the words after ``with`` and the options."""
    parser = _Parser(prog="bnpo", add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-V", "--version", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    for key in OWN_FLAGS:
        parser.add_argument(f"--{key}")
    for long, (short, value, _) in FLAGS.items():
        settings: dict[str, Any] = {"action": "store_true"} if value is None else {}
        parser.add_argument(short, long, dest=long, **settings)
    parsed = vars(parser.parse_intermixed_args(list(words)))
    command, updates = _split(parsed.pop("words"))
    options = {key: value for key in OWN_FLAGS if (value := parsed.pop(key)) is not None}
    updates += [_as_update(command, key, value) for key, value in options.items()]
    if parsed["version"]:
        command = command or "version"
    return command, updates, _checked(parsed)


def _split(words: list[str]) -> tuple[str | None, list[str]]:
    """Return command and updates; ``with`` alone means the default command."""
    if not words:
        return None, []
    if words[0] == "with":
        return "train", words[1:]
    command, *rest = words
    command = command.replace("-", "_")
    if command == "help":
        return command, rest
    _require_command(command)
    return command, _spelled_out(command, rest)


def _spelled_out(command: str, words: list[str]) -> list[str]:
    """Return the names and updates after a command, with the key that may be left out.

    ``compare 3 5`` is ``with runs=[3, 5]``, ``evaluate 3`` is ``with run=3``, ``study with FILE``
    is ``with file=FILE``.
    """
    words = _as_its_own(command, words)
    end = words.index("with") if "with" in words else len(words)
    bare, updates = words[:end], words[end + 1 :]
    key = command_of(command).word
    if key == "file":  # a name after `with`, too
        bare += [word for word in updates if "=" not in word]
        updates = [word for word in updates if "=" in word]
    if not bare:
        return updates
    if key is None:
        raise ConfigError(f"{bare[0]!r} after {command!r}: allowed is bnpo {command} with ...")
    numbers = [int(word) if word.isdigit() else word for word in bare if "=" not in word]
    updates = [*(word for word in bare if "=" in word), *updates]
    if key != "runs" and len(numbers) > 1:
        raise ConfigError(f"{numbers[1]!r} after {numbers[0]!r}: allowed is one {key}")
    if numbers:
        updates.insert(0, f"{key}={numbers if key == 'runs' else numbers[0]!r}")
    return updates


def _as_its_own(command: str, words: list[str]) -> list[str]:
    """Return words with ``run=`` for ``runs=`` or the other way round, as the command has it."""
    key = command_of(command).word
    if key not in ("run", "runs"):
        return words
    return [re.sub("^runs?=", f"{key}=", word) for word in words]


def _as_update(command: str | None, key: str, value: str) -> str:
    """Return an option that stands for a key of a command as an update.

    Raises:
        ConfigError: the command has no such key.

    """
    if command not in OWN_FLAGS[key]:
        raise ConfigError(
            f"--{key} = {value!r} with {command or 'no command'}: allowed with "
            + ", ".join(OWN_FLAGS[key])
        )
    return f"{key}={value}"


def _require_command(command: str) -> None:
    """Raise a ConfigError for a command that does not exist."""
    known = [*COMMANDS, "help"]
    if command in COMMANDS:
        return
    hint = did_you_mean(command, known)
    if command in (*PRESETS, *TASKS) or "=" in command:
        hint = f"; did you mean 'bnpo with {command}'?"
    raise ConfigError(f"unknown command {command!r}{hint} (allowed: {', '.join(known)})")


def _checked(flags: dict[str, Any]) -> dict[str, Any]:
    """Check the options' values, which sacred would take as they are."""
    checks: dict[str, tuple[Callable[[str], bool], str]] = {
        "--loglevel": (lambda value: value in _LEVELS, f"one of {', '.join(_LEVELS)}"),
        "--capture": (lambda value: value in ("sys", "fd", "no"), "one of sys, fd, no"),
        "--beat-interval": (_is_positive, "a number above zero"),
        "--id": (_is_plain, "a plain name of at most 200 bytes"),
    }
    for name, (valid, allowed) in checks.items():
        value = flags[name]
        if value is not None and not valid(value):
            raise ConfigError(f"{name} = {value!r}: allowed is {allowed}")
    return flags


def _is_plain(text: str) -> bool:
    letters = text.replace("_", "").replace("-", "")
    return letters.isalnum() and len(text.encode(errors="replace")) <= 200


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
