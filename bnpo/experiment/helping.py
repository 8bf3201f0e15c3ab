"""The help of the command line."""

from __future__ import annotations

from bnpo.compose.schema import names_of
from bnpo.experiment.command import COMMANDS, command_of
from bnpo.presets import PRESETS, TASKS

__all__ = ["FLAGS", "help_on", "overview"]

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
            f"  presets: {', '.join(PRESETS)}",
            f"  tasks:   {', '.join(TASKS)}",
            "  files:   any .json or .yaml that holds a configuration, such as runs/1/config.json",
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


def help_on(command: str) -> str:
    """Return the help on one command."""
    of = command_of(command)
    lines = [(of.function.__doc__ or "").strip(), ""]
    if of.options is not None:
        lines.append(f"bnpo {command} with " + " ".join(f"{n}=..." for n in names_of(of.options)))
    else:
        lines += ["All keys and their defaults: bnpo print_config", "", EXAMPLES.rstrip()]
    return "\n".join(lines)
