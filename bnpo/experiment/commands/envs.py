"""``bnpo envs``: environments that can be trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnpo.config import Count, Positive, config
from bnpo.errors import ConfigError
from bnpo.experiment.command import Command

if TYPE_CHECKING:
    from bnpo.envs.catalogue import Entry

__all__ = ["EnvsOptions", "envs"]


@config
class EnvsOptions:
    """Options of ``bnpo envs``."""

    match: str | None = None
    """Part of the ids to list; None: the environments of the named tasks and Gymnasium's MuJoCo."""

    num_envs: Count = 8
    """Number of environments in the batch that is measured."""

    seconds: Positive = 0.3
    """Time for which each environment is measured (seconds)."""


def envs(options: EnvsOptions) -> int:
    """List what can be trained here, with shapes, horizon and measured speed."""
    from bnpo.envs.catalogue import inspect
    from bnpo.show.text import columns, say

    rows: list[list[str]] = []
    refused: list[str] = []
    for name in _names(options.match):
        entry = inspect(name, num_envs=options.num_envs, seconds=options.seconds)
        if entry.spec is None:
            refused.append(f"{name}: {entry.reason}")
        else:
            rows.append(_row(entry))
    say(columns(["environment", "observation", "goal", "action", "horizon", "steps/s"], rows))
    for line in refused:
        say(f"cannot be trained: {line}")
    return len(rows)


def _names(match: str | None) -> list[str]:
    from bnpo.envs.catalogue import matching
    from bnpo.presets import TASKS

    if match is None:
        tasks = dict.fromkeys(task["env"] for task in TASKS.values())
        return [*tasks, "Reacher-v5", "HalfCheetah-v5", "Hopper-v5", "Pendulum-v1"]
    names = matching(match)
    if not names:
        raise ConfigError(f"match = {match!r}: no registered environment has it")
    return list(names)


def _row(entry: Entry) -> list[str]:
    spec = entry.spec
    assert spec is not None
    return [
        entry.env_id,
        str(spec.observation_dim),
        str(spec.goal_dim) if spec.is_goal_env else "-",
        str(spec.action_dim),
        "-" if spec.max_episode_steps is None else f"{spec.max_episode_steps:,}",
        f"{entry.steps_per_s:,.0f}",
    ]


COMMAND = Command(function=envs, options=EnvsOptions, word="match")
