"""``bnpo check``: what training on an environment will meet."""

from __future__ import annotations

from typing import Any

from bnpo.config import Count, config
from bnpo.experiment.command import Command

__all__ = ["CheckOptions", "check"]


@config
class CheckOptions:
    """Options of ``bnpo check``."""

    env: str
    """Gymnasium id of the environment; of a module of your own: module:Id-v0."""

    env_kwargs: dict[str, Any] | None = None
    """Keyword arguments of the environment."""

    steps: Count = 300
    """Number of steps that are played with random actions."""


def check(options: CheckOptions) -> int:
    """Play some steps of an environment and tell what training on it will meet."""
    from bnpo.envs.checking import check_env
    from bnpo.errors import ConfigError
    from bnpo.show.text import columns, say

    try:
        lines = check_env(options.env, options.steps, **(options.env_kwargs or {}))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    say(columns(["", "", lines.env_id], lines.rows()))
    if lines.faults:
        topics = ", ".join(one.topic for one in lines.faults)
        count = f"{len(lines.faults)} fault{'s' * (len(lines.faults) > 1)}"
        raise ConfigError(f"{lines.env_id} has {count}: {topics}")
    return len(lines.findings)


COMMAND = Command(function=check, options=CheckOptions, word="env")
