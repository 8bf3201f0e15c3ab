"""Training in one call."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bnpo.agent import Agent
from bnpo.agent.predicting import require_agent
from bnpo.compose.validation import check_writable
from bnpo.config import RunConfig
from bnpo.envs.lookup import is_registered_here_alone
from bnpo.errors import ConfigError, Interrupted
from bnpo.presets import run_of, write_config
from bnpo.presets.named import unnamed_parts
from bnpo.show.kernel import in_notebook
from bnpo.training.callbacks import TensorBoard
from bnpo.training.callbacks.dispatch import callback_of, checked
from bnpo.training.callbacks.functions import Functions
from bnpo.training.trainer import Trainer
from bnpo.types.history import History, Record

__all__ = ["train"]

RECORDED = ("video", "tensorboard")
"""Settings of a recorded run alone: fields of :class:`bnpo.config.TaskConfig`."""


def train(
    agent: Agent,
    total_steps: int | None = None,
    num_envs: int | None = None,
    *,
    record: str | Path | None = None,
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
        record: leave a run as the command line does, in the next numbered folder of this one:
            configuration, history, checkpoints, output, learning curve, film. ``agent.folder`` is
            then that of the run. None: leave no files
        progress_bar: show steps, speed, success and time left, and a line for each evaluation; of a
            recorded run what it is and its closing table as well
        callbacks: objects with hooks of :class:`bnpo.Callback`, or their names, behind those of the
            configuration that the agent was made by
        on_evaluation: called with every record of the history
        **settings: further fields of :class:`bnpo.config.TrainConfig`, which replace those of the
            configuration that the agent was made by; with ``record`` also ``video`` and
            ``tensorboard``

    Returns:
        All evaluations of the agent so far, with the point where the task was solved.

    Raises:
        ConfigError: for a setting out of range and for what is no callback, before anything runs.
        CallbackError: a callback raised (``on_callback_failure="continue"`` goes on without it).
        RunError: a file of the run cannot be written.
        KeyboardInterrupt: a signal ended a recorded run, which is complete up to there; in a
            notebook its history is returned instead.

    """
    require_agent(agent)
    lengths = {"total_steps": total_steps, "num_envs": num_envs}
    settings |= {name: value for name, value in lengths.items() if value is not None}
    run = run_of(agent)
    if own := {name: settings.pop(name) for name in RECORDED if name in settings}:
        if record is None:
            name, value = next(iter(own.items()))
            raise ConfigError(f"{name} = {value!r}: allowed with record=FOLDER, which keeps it")
        run = dataclasses.replace(run, task=dataclasses.replace(run.task, **own))
    config = dataclasses.replace(run.train, **settings)
    if agent.env_steps >= config.total_steps:
        logging.getLogger("bnpo.training").warning(
            "total_steps = %s: the agent has taken %s steps in total already, so nothing is "
            "trained; a larger total_steps goes on",
            *(f"{steps:,}" for steps in (config.total_steps, agent.env_steps)),
        )
        return agent.history or History()
    if record is not None:
        run = dataclasses.replace(run, train=config)
        return _recorded(agent, run, record, callbacks, on_evaluation, visible=progress_bar)
    trainer = Trainer(agent, config, progress_bar=progress_bar, callbacks=callbacks)
    trainer.continue_history(agent.history)
    agent.history = trainer.history
    try:
        return trainer.run(on_evaluation)
    finally:
        trainer.close()


def _recorded(
    agent: Agent,
    run: RunConfig,
    runs: str | Path,
    callbacks: Sequence[Any],
    on_evaluation: Callable[[Record], None] | None,
    *,
    visible: bool,
) -> History:
    """Train as the command line does, and leave what it leaves."""
    from bnpo.experiment.commands.train import carry_out, folder_of, opened
    from bnpo.experiment.definition import experiment
    from bnpo.experiment.run_folder import RunFolder

    objects = [one for one in callbacks if not isinstance(one, str | dict)]
    _check(agent, run, runs, callbacks)

    def work(record: Any) -> None:
        own = [Functions(on_evaluation, None)]
        folder = agent.folder = folder_of(record)
        _tell_what_has_no_name(run, objects)
        with opened(
            run, folder, record, own, agent=agent, callbacks=callbacks, visible=visible
        ) as session:
            session.take_over()
            for one in record.observers if agent.history else ():
                if isinstance(one, RunFolder):
                    one.rewind(session.trainer.history)
            carry_out(session)

    try:
        experiment.carry_out(run, work, Path(runs))
    except Interrupted:
        if not in_notebook():
            raise KeyboardInterrupt from None
    assert agent.history is not None
    return agent.history


def _check(agent: Agent, run: RunConfig, runs: str | Path, callbacks: Sequence[Any]) -> None:
    """Refuse what cannot work before a folder is made."""
    if not isinstance(runs, str | Path):
        raise ConfigError(f"record = {runs!r}: allowed is a folder, or None")
    agent.require_trainable()
    run.train.require_fits(agent.config)
    for one in [*run.train.callbacks, *callbacks]:
        callback_of(one) if isinstance(one, str | dict) else checked(one)
    if run.task.tensorboard:
        TensorBoard()
    check_writable(Path(runs))


def _tell_what_has_no_name(run: RunConfig, callbacks: Sequence[Any]) -> None:
    """Say what another process could not make again."""
    unnamed = unnamed_parts(write_config(run, strict=False))
    if is_registered_here_alone(run.task.env):
        unnamed.append(f"env = {run.task.env}")
    unnamed += [f"callback {type(one).__name__}" for one in callbacks]
    if unnamed:
        logging.getLogger("bnpo.runs").warning(
            "%s: known to this process alone, so `bnpo resume` cannot go on with the run as it is; "
            "what lies in a module is called module:Name, an environment module:Id-v0",
            ", ".join(unnamed),
        )
