"""Training in one call."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import Any

from bnpo.agent import Agent
from bnpo.config import TrainConfig
from bnpo.training.trainer import Trainer
from bnpo.types.history import History, Record

__all__ = ["train"]


def train(
    agent: Agent,
    total_steps: int | None = None,
    num_envs: int | None = None,
    *,
    progress_bar: bool = True,
    callbacks: Sequence[Any] = (),
    on_evaluation: Callable[[Record], None] | None = None,
    **settings: Any,
) -> History:
    """Train an agent on the environment it was made for.

    A second call goes on where the first has ended, up to a larger ``total_steps``.

    Args:
        agent: what learns
        total_steps: environment steps of the agent in total, those before this call included; None:
            as in the configuration that the agent was made by, or 40,000
        num_envs: environments stepped as one batch; None: as configured, or 8
        progress_bar: show steps, speed, success and time left, and a line for each evaluation
        callbacks: objects with hooks of :class:`bnpo.Callback`, or their names, behind those of the
            configuration that the agent was made by
        on_evaluation: called with every record of the history
        **settings: further fields of :class:`bnpo.config.TrainConfig`, which replace those of the
            configuration that the agent was made by

    Returns:
        All evaluations of the agent so far, with the point where the task was solved.

    Raises:
        ConfigError: for a setting out of range and for what is no callback, before anything runs.
        CallbackError: a callback raised (``on_callback_failure="continue"`` goes on without it).

    """
    lengths = {"total_steps": total_steps, "num_envs": num_envs}
    settings |= {name: value for name, value in lengths.items() if value is not None}
    usual = TrainConfig() if agent.run is None else agent.run.train
    config = dataclasses.replace(usual, **settings)
    if agent.env_steps >= config.total_steps:
        logging.getLogger("bnpo.training").warning(
            "total_steps = %s: the agent has taken %s steps in total already, so nothing is "
            "trained; a larger total_steps goes on",
            *(f"{steps:,}" for steps in (config.total_steps, agent.env_steps)),
        )
        return agent.history or History()
    trainer = Trainer(agent, config, progress_bar=progress_bar, callbacks=callbacks)
    trainer.continue_history(agent.history)
    agent.history = trainer.history
    try:
        return trainer.run(on_evaluation)
    finally:
        trainer.close()
