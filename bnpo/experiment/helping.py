"""The help of the command line."""

from __future__ import annotations

import inspect
import re
import textwrap

from bnpo.compose.overrides import NAMED, flatten
from bnpo.compose.schema import names_of
from bnpo.config.keys import BRAIN, Key, keys_of, run_keys
from bnpo.errors import ConfigError, did_you_mean
from bnpo.experiment.command import COMMANDS, command_of
from bnpo.extras import imported
from bnpo.presets import PRESETS, TASKS

__all__ = ["FLAGS", "help_on", "overview"]

EXAMPLES = """\
Examples:
  bnpo with bpo goal_reacher seed=0 total_steps=40000
  bnpo with ddpg_her env=FetchPush-v4 num_envs=16
  bnpo with brains.ddpg.batch_size=128 agent.gamma=0.9
  bnpo print_config with ppo
  bnpo evaluate 1 episodes=100
  bnpo record 1
  bnpo plot 1 2 x=seconds
  bnpo resume 1 total_steps=80000
  bnpo runs preset=bpo success=0.9.. sort=steps
  bnpo compare 3 5 7
  bnpo board runs --port 8000
  bnpo profile with bpo goal_reacher total_steps=20000
  bnpo tune-threads with bpo goal_reacher
"""

FLAGS: dict[str, tuple[str, str | None, str]] = {
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


def overview() -> str:
    """Return the help on everything."""
    commands = [f"  {name:<20} {command_of(name).help}" for name in COMMANDS]
    options = [
        f"  {short}, {long + ('' if value is None else ' ' + value):<24} {meaning}"
        for long, (short, value, meaning) in FLAGS.items()
    ]
    return "\n".join(
        [
            "Usage: bnpo [COMMAND] [with NAME... KEY=VALUE...] [OPTIONS]",
            "",
            "Commands:",
            *commands,
            "",
            "Names:",
            *_names(),
            "  files:   any .json or .yaml that holds a configuration, such as runs/1/config.json",
            "",
            "Options:",
            f"  {'-h, --help':<28} this, or 'bnpo help COMMAND', 'bnpo help KEY'",
            f"  {'    --dry-run':<28} check the configuration and stop",
            f"  {'    --ray ADDRESS':<28} study, sweep: on Ray (local, auto or HOST:PORT)",
            f"  {'    --port N, --host NAME':<28} board: address in the browser",
            f"  {'-V, --version':<28} print the version",
            *options,
            "",
            EXAMPLES.rstrip(),
        ]
    )


def help_on(topic: str) -> str:
    """Return the help on a command, a preset, a task or a key such as ``agent.gamma``.

    Raises:
        ConfigError: there is nothing of that name.

    """
    command = topic.replace("-", "_")
    if command in COMMANDS:
        return _help_on_command(command)
    for kind, known in (("preset", PRESETS), ("task", TASKS)):
        if topic in known:
            settings = [f"  {path} = {value!r}" for path, value in flatten(known[topic])]
            return "\n".join([f"The {kind} {topic} sets:", "", *settings])
    keys = run_keys()
    path = re.sub(r"^brains\.\w+\.", f"brains.{BRAIN}.", topic)
    if topic in NAMED:
        path = f"brains.{BRAIN}.{topic}"
    if path.startswith(f"brains.{BRAIN}.") and path.split(".")[2] in NAMED:
        return _help_on_named(*path.split(".")[2:4])
    below = [key for name, key in keys.items() if name == path or name.startswith(f"{path}.")]
    below = below or [key for name, key in keys.items() if name.endswith(f".{topic}")]
    if below or topic == "brains":
        return _of_keys(below or [key for key in keys.values() if key.path.startswith("brains.")])
    commands = [*COMMANDS, "help"]
    hint = did_you_mean(topic, [*commands, *keys, *PRESETS, *TASKS])
    raise ConfigError(
        f"no help on {topic!r}{hint} (allowed: {', '.join(commands)}, a preset, a task, or a key "
        "such as agent.gamma)"
    )


def _help_on_named(key: str, only: str | None = None) -> str:
    """Return the help on rules, credit schemes or sampling laws, or on one of them."""
    from bnpo.presets import REGISTRIES

    path = f"brains.{BRAIN}.{key}"
    lines = [_of_keys([run_keys()[path]]), "", f"Names, and their fields ({path}.FIELD=VALUE):"]
    for name, kind in REGISTRIES[key].items():
        if only in (None, "name", name) or only in names_of(kind):
            lines += ["", f"{name}: {(kind.__doc__ or '').strip().splitlines()[0]}"]
            lines += [_of_keys(keys_of(kind))] if names_of(kind) else []
    return "\n".join(lines)


def _help_on_command(name: str) -> str:
    command = command_of(name)
    text = inspect.getdoc(command.function) or ""
    if command.options is not None:
        words = "" if command.word is None else f"{command.word.upper()} "
        usage = f"Usage: bnpo {name} {words}[with KEY=VALUE...]"
        lines = [text, "", usage, "", _of_keys(keys_of(command.options))]
        if command.plan is not None:
            plan = imported(command.plan, "plan")
            lines += ["", "Keys of the file, beside those above:", "", _of_keys(keys_of(plan))]
        return "\n".join(lines)
    usage = f"Usage: bnpo {'' if name == 'train' else name + ' '}with NAME... KEY=VALUE..."
    keys = _of_keys([*run_keys().values()])
    return "\n".join([text, "", usage, *_names(), "", keys, "", EXAMPLES.rstrip()])


def _names() -> list[str]:
    """List presets and tasks in lines."""
    lines = []
    for title, known in (("  presets: ", PRESETS), ("  tasks:   ", TASKS)):
        text = ", ".join(known)
        lines += textwrap.wrap(text, 96, initial_indent=title, subsequent_indent=" " * 11)
    return lines


def _of_keys(keys: list[Key]) -> str:
    """Set keys with their meaning, what they may be, and their default."""
    lines = []
    for key in keys:
        default = "must be given" if key.default is None else f"default {key.default}"
        lines.append(f"  {key.path}  ({key.allowed}; {default})")
        lines += textwrap.wrap(key.meaning, 92, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)
