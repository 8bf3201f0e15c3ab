"""The configuration of a whole run."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Any, Self

from pydantic import Field

from bnpo.config.agent import AgentConfig
from bnpo.config.base import config
from bnpo.config.brain import BrainDescription
from bnpo.config.train import TrainConfig
from bnpo.errors import ConfigError

__all__ = ["RunConfig", "TaskConfig"]


@config
class TaskConfig:
    """What a run is about: the keys beside the brains, the agent and the fields of TrainConfig."""

    env: str
    """Gymnasium id of the environment."""

    env_kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Arguments with which the environment is made."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of everything that is drawn in the run."""

    preset: str | None = None
    """Where the brains come from: a label."""

    tensorboard: bool = False
    """Leave TensorBoard event files in the run's folder, too (extra ``tensorboard``)."""

    video: str = "end"
    """Films of the policy: off; end: one when the run has ended; every=N: one every N environment
    steps as well."""

    def __post_init__(self) -> None:
        """Refuse films at other times."""
        if not re.fullmatch(r"off|end|every=[1-9]\d{0,15}", self.video):
            raise ConfigError(
                f"TaskConfig.video = {self.video!r}: allowed is off, end, or every=N with a number "
                "of environment steps"
            )


@config
class RunConfig:
    """All that decides a run.

    A run's config.json holds it with the fields of ``task`` and ``train`` side by side (see
    :func:`bnpo.presets.read_config`).
    """

    task: TaskConfig
    """Environment, seed and record."""

    train: TrainConfig = TrainConfig()
    """Length, environments, evaluations and checkpoints."""

    agent: AgentConfig = AgentConfig()
    """What all brains share."""

    brains: dict[str, BrainDescription]
    """The brains by name, in the order of their turns."""

    def __post_init__(self) -> None:
        """Refuse a run without brains."""
        if not self.brains:
            raise ConfigError("brains = {}: allowed is at least one brain")

    def with_seed(self, seed: int) -> Self:
        """Return the same run with another seed."""
        return dataclasses.replace(self, task=dataclasses.replace(self.task, seed=seed))

    def with_agent(self, **fields: Any) -> Self:
        """Return the same run with other fields of the agent."""
        return dataclasses.replace(self, agent=dataclasses.replace(self.agent, **fields))

    def with_train(self, **fields: Any) -> Self:
        """Return the same run with other fields of its training."""
        return dataclasses.replace(self, train=dataclasses.replace(self.train, **fields))
