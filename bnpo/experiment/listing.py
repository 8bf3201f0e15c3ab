"""The command that lists environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnpo.compose.validation import plain
from bnpo.config import Count, Positive, config
from bnpo.envs.catalogue import Entry, inspect, matching
from bnpo.errors import ConfigError
from bnpo.presets import TASKS
from bnpo.show.text import say

__all__ = ["EnvsOptions", "envs"]


@config
class EnvsOptions:
    """What ``bnpo envs`` takes."""

    match: str | None = None
    """Part of the ids to list; None: the environments of the named tasks and Gymnasium's MuJoCo."""

    num_envs: Count = 8
    """Environments in the batch that is measured."""

    seconds: Positive = 0.3
    """How long each is measured (seconds)."""


def envs(_config: Mapping[str, Any]) -> int:
    """List what can be trained here, with shapes, horizon and measured speed."""
    fields = {key: value for key, value in plain(_config).items() if key != "seed"}
    options = EnvsOptions(**fields)
    if options.match is None:
        tasks = dict.fromkeys(task["env"] for task in TASKS.values())
        names = [*tasks, "Reacher-v5", "HalfCheetah-v5", "Hopper-v5", "Pendulum-v1"]
    else:
        names = matching(options.match)
        if not names:
            raise ConfigError(f"match = {options.match!r}: no registered environment has it")
    header = ("environment", "observation", "goal", "action", "horizon", "steps/s")
    rows: list[tuple[str, ...]] = [header]
    refused: list[str] = []
    for name in names:
        entry = inspect(name, num_envs=options.num_envs, seconds=options.seconds)
        if entry.spec is None:
            refused.append(f"{name}: {entry.reason}")
        else:
            rows.append(_row(entry))
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        say("  ".join(cells))
    for line in refused:
        say(f"cannot be trained: {line}")
    return len(rows) - 1


def _row(entry: Entry) -> tuple[str, ...]:
    spec = entry.spec
    assert spec is not None
    horizon = "none" if spec.max_episode_steps is None else f"{spec.max_episode_steps:,}"
    goal = str(spec.goal_dim) if spec.is_goal_env else "none"
    return (
        entry.env_id,
        str(spec.observation_dim),
        goal,
        str(spec.action_dim),
        horizon,
        f"{entry.steps_per_s:,.0f}",
    )
