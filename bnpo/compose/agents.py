"""Agents by name: the settings that the command line composes, from Python."""

from __future__ import annotations

import re
from typing import Any

from bnpo.agent import Agent
from bnpo.compose.composition import compose_run
from bnpo.errors import ConfigError
from bnpo.presets import TASKS, agent_of

__all__ = ["Agent", "make_agent"]


def make_agent(
    preset: str = "bpo", task: str = "goal_reacher", *, seed: int = 0, **overrides: Any
) -> Agent:
    """Make the agent that ``bnpo with PRESET TASK KEY=VALUE...`` trains.

    ``bnpo.train(agent)`` then trains it as the command line does, to the same numbers.

    Args:
        preset: name of a preset, see ``bnpo.presets.PRESETS``
        task: name of a task, see ``bnpo.presets.TASKS``, or id of an environment
        seed: of everything that is drawn
        **overrides: of the configuration, nested (``agent={"gamma": 0.9}``) or by dotted path
            (``**{"agent.gamma": 0.9}``); those of the training (``total_steps``) count as well

    Raises:
        ConfigError: naming the name, the key or the value that cannot work.

    """
    for name, value in (("preset", preset), ("task", task)):
        if not isinstance(value, str):
            raise ConfigError(f"{name} = {str(value)[:60]!r}: allowed is a name")
    if task not in TASKS and re.search(r"-v\d+$|:", task):  # the form of an environment's id
        return agent_of(compose_run([preset], {"seed": seed, "env": task, **overrides}))
    return agent_of(compose_run([preset, task], {"seed": seed, **overrides}))
