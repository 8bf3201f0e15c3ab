"""What an agent can do by rooms above its own: being made of a preset's name, and saved.

Set as soon as the agent's room is imported, whoever imports it; the rooms above load on use.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnpo.agent.predicting import Usable

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.config import AgentConfig

__all__: list[str] = []


def _for_env(
    preset: str,
    env_id: str,
    *,
    seed: int,
    config: AgentConfig | None,
    env_kwargs: dict[str, Any] | None,
) -> Agent:
    """Make an agent of a preset; what is given replaces what the preset has."""
    from bnpo.compose.composition import compose_run
    from bnpo.presets import agent_of

    run = compose_run([preset], {"env": env_id, "seed": seed})
    if env_kwargs is not None:
        task = dataclasses.replace(run.task, env_kwargs=env_kwargs)
        run = dataclasses.replace(run, task=task)
    return agent_of(run if config is None else dataclasses.replace(run, agent=config))


def _save(agent: Agent, folder: Path) -> Path:
    """Write an agent into a folder."""
    from bnpo.runs.saving import save

    return save(agent, folder)


Usable.named, Usable.saved = _for_env, _save
