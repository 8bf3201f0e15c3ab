"""The command line: parsing, help, and errors in one line."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from bnpo.compose.overrides import parse
from bnpo.compose.schema import names_of
from bnpo.errors import (
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
from bnpo.experiment import workbench
from bnpo.experiment.definition import OPTIONS, experiment
from bnpo.presets import PRESETS, TASKS
from bnpo.runs import RUNS
from bnpo.show.streams import lost_output
from bnpo.show.text import say

__all__ = ["main"]

EXAMPLES = """\
Examples:
  bnpo with bpo goal_reacher seed=0 total_steps=40000
  bnpo with ddpg_her env=FetchPush-v4 num_envs=16
  bnpo with brains.ddpg.batch_size=128 agent.gamma=0.9
  bnpo print_config with ppo
  bnpo evaluate with run=runs/1 episodes=100
  bnpo record with run=runs/1
  bnpo plot with runs="['runs/1', 'runs/2']"
  bnpo resume with run=runs/1
  bnpo runs with preset=bpo success=0.9.. sort=steps
  bnpo compare 3 5 7
  bnpo profile with bpo goal_reacher total_steps=20000
  bnpo tune-threads with bpo goal_reacher
"""

_FLAGS: dict[str, tuple[str, str | None, str]] = {
    "--file_storage": ("-F", "DIR", "put the run under DIR/<id>/ instead of runs/<id>/"),
    "--id": ("-i", "ID", "name of the run's folder (default: the next number)"),
    "--name": ("-n", "NAME", "name of the experiment in the record"),
    "--comment": ("-c", "TEXT", "a comment in the record"),
    "--unobserved": ("-u", None, "leave no files"),
    "--sql": ("-s", "URL", "record in an SQL database, too"),
    "--mongo_db": ("-m", "DB", "record in a Mongo database, too"),
    "--tiny_db": ("-t", "DIR", "record in a TinyDB, too"),
    "--loglevel": ("-l", "LEVEL", "what sacred tells: DEBUG, INFO, WARNING (default), ERROR"),
    "--capture": ("-C", "MODE", "how output is kept in the record: sys (default), fd, no"),
    "--beat-interval": ("-b", "SECONDS", "time between two updates of the record (default: 10)"),
}
"""Sacred's options that are offered: short form, argument, meaning."""

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
        0 when all went well, 1 after numbers that are not finite or the failure of a worker, 2
        after bad input or where files cannot be written, each told in one line, 130 or 143 after
        SIGINT or SIGTERM. Anything unforeseen is raised.

    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _told(_run(words))
    except (ConfigError, CheckpointError, RunError, OSError) as error:
        return _complain(error)
    except Diverged as error:
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


def _told(command: str | None) -> int:
    """Return the status of a command that did its work: 2 where what it printed was lost."""
    if (reason := lost_output()) is None:
        return 0
    if command not in LEAVING_FILES:
        return _complain(reason)
    sys.stderr.write(f"bnpo: {reason}; all else is done\n")
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
        say(_help_of(topic) if topic else _help())
        return None
    if flags["version"]:
        from bnpo.version import __version__

        say(f"bnpo {__version__}")
        return None
    assert command is not None
    names, overrides = parse(updates)
    _quiet(flags["--loglevel"])
    if flags["dry_run"]:
        runs = Path(flags["--file_storage"] or RUNS)
        experiment.prepare(command, names, overrides, runs)
        say("the configuration is valid")
        return None
    options = {name: value for name, value in flags.items() if name.startswith("--")}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"sacred\.")
        experiment.run(command, overrides, names, options=options)
    return command


def _quiet(level: str | None) -> None:
    """Let sacred tell warnings and errors alone, and not the end that :func:`main` tells."""
    with contextlib.suppress(ImportError):
        # gymnasium_robotics prints an announcement about environments that are not ours.
        notices = importlib.import_module("farama_notifications").notifications
        notices.pop("gymnasium_robotics", None)
    if level is not None:
        logging.basicConfig(format="%(levelname)s - %(message)s")
    logging.getLogger("bnpo").setLevel(level or "WARNING")
    logger = logging.getLogger("bnpo.bnpo")
    if not logger.filters:
        logger.addFilter(lambda entry: not str(entry.msg).startswith(("Failed after", "Aborted")))


def _parse(words: Sequence[str]) -> tuple[str | None, list[str], dict[str, Any]]:
    """Split the command line into the command, the words after ``with`` and the options."""
    parser = _Parser(prog="bnpo", add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-V", "--version", action="store_true")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--ray", metavar="ADDRESS")
    for long, (short, value, _) in _FLAGS.items():
        settings: dict[str, Any] = {"action": "store_true"} if value is None else {}
        parser.add_argument(short, long, dest=long, **settings)
    found = vars(parser.parse_intermixed_args(list(words)))
    command, updates = _split(found.pop("words"))
    address = found.pop("ray")
    if address is not None:
        updates = _on_ray(command, updates, address)
    if found["version"]:
        command = command or "version"
    return command, updates, _checked(found)


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
    rest = workbench.spelled_out(command, rest)
    if rest and rest[0] != "with":
        raise ConfigError(f"{rest[0]!r} after {command!r}: allowed is bnpo {command} with ...")
    return command, rest[1:]


def _on_ray(command: str | None, updates: list[str], address: str) -> list[str]:
    """Return updates with the address of the cluster that is to do the work."""
    if command not in workbench.ON_RAY:
        raise ConfigError(
            f"--ray = {address!r} with {command or 'no command'}: allowed with "
            f"{', '.join(workbench.ON_RAY)}"
        )
    return [*updates, f"ray={address}"]


def _require_command(command: str) -> None:
    """Raise a ConfigError for a command that does not exist."""
    known = [*experiment.commands, "help"]
    if command in experiment.commands:
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


def _help() -> str:
    """Return the help on everything."""
    commands = [
        f"  {name:<20} {(function.__doc__ or '').strip().splitlines()[0]}"
        for name, function in sorted(experiment.commands.items(), key=_order)
    ]
    options = [
        f"  {short}, {long + ('' if value is None else ' ' + value):<24} {meaning}"
        for long, (short, value, meaning) in _FLAGS.items()
    ]
    return "\n".join(
        [
            "Usage: bnpo [COMMAND] [with NAME... KEY=VALUE...] [OPTIONS]",
            "",
            "Commands:",
            *commands,
            "",
            "Names:",
            f"  presets: {', '.join(PRESETS)}",
            f"  tasks:   {', '.join(TASKS)}",
            "  files:   any .json that holds a configuration, such as runs/1/config.json",
            "",
            "Options:",
            f"  {'-h, --help':<28} this, or 'bnpo help COMMAND'",
            f"  {'    --dry-run':<28} check the configuration and stop",
            f"  {'    --ray ADDRESS':<28} study, sweep: on Ray (local, auto or HOST:PORT)",
            f"  {'-V, --version':<28} print the version",
            *options,
            "",
            EXAMPLES.rstrip(),
        ]
    )


def _order(item: tuple[str, Any]) -> int:
    first = ["train", "resume", "evaluate", "record", "plot", "print_config"]
    return first.index(item[0]) if item[0] in first else len(first)


def _help_of(command: str) -> str:
    """Return the help on one command."""
    _require_command(command)
    lines = [(experiment.commands[command].__doc__ or "").strip()]
    if command in OPTIONS:
        lines += [
            "",
            f"bnpo {command} with " + " ".join(f"{n}=..." for n in names_of(OPTIONS[command])),
        ]
    elif command in (*workbench.TRAINING, "print_config"):
        lines += ["", "All keys and their defaults: bnpo print_config", "", EXAMPLES.rstrip()]
    return "\n".join(lines)
