"""An environment as an agent needs it: its task, and its answers about goals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bnpo.envs import describe, make_env
from bnpo.envs.goal_functions import GoalFunctions, goal_functions
from bnpo.envs.lookup import discard
from bnpo.errors import ConfigError
from bnpo.types import TaskSpec

__all__ = ["Task", "task_of"]


class Task(NamedTuple):
    """An environment as an agent needs it."""

    spec: TaskSpec
    """Its dimensions, bounds and horizon"""

    functions: GoalFunctions | None
    """Its answers about goals; None: it has no goals, or cannot answer"""

    refused: ConfigError | None
    """Why it cannot answer, which is no matter without hindsight"""


def task_of(env_id: str, env_kwargs: Mapping[str, Any]) -> Task:
    """Make an environment and look at it.

    Raises:
        ConfigError: it is unknown, cannot be made or cannot be trained on.

    """
    try:
        env = make_env(env_id, **env_kwargs)
        spec = describe(env, env_id)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if not spec.is_goal_env:
        discard(env)
        return Task(spec, None, None)
    try:
        return Task(spec, goal_functions(env), None)
    except ValueError as error:
        return Task(spec, None, ConfigError(str(error)))
