"""The checkpoints that a run leaves while it trains."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

from bnpo.errors import StateUnknown
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.runs.summary import versions
from bnpo.training import Trainer
from bnpo.types.history import Record

__all__ = ["Keeper"]


class Keeper:
    """Keeps the last states of a trainer, and its best policy."""

    def __init__(self, trainer: Trainer, checkpoints: CheckpointFolder | None) -> None:
        """Keep them in a folder of checkpoints; None keeps nothing."""
        self.trainer = trainer
        self.checkpoints = checkpoints
        self.versions = [versions()]
        """Versions of the packages in each part of the run, those of today last"""
        self.saved_at: int | None = None
        """Environment steps of the last state that was saved or restored"""
        self._before = 0  # evaluations that are not of this folder
        self._warned: set[str] = set()

    def begin(self) -> None:
        """Let the best policy be the best of the evaluations to come."""
        self._before = len(self.trainer.history)

    def save_last(self) -> None:
        """Save all that decides the run's future, or the policy where that cannot be told."""
        if self.checkpoints is None or self.saved_at == self.trainer.agent.env_steps:
            return
        with self._timed():
            try:
                state = self.trainer.state_dict()
            except StateUnknown as error:
                self.tell_once(f"{error}: its checkpoints hold the policy alone")
                state = self._policy()
            state["versions"] = self.versions
            self.checkpoints.save(state, self.trainer.agent.env_steps)
        self.saved_at = self.trainer.agent.env_steps

    def save_if_best(self, record: Record) -> None:
        """Save the policy where no evaluation that this folder has seen was as good."""
        history = self.trainer.history
        values = [getattr(one, history.metric) for one in history.records[self._before :]]
        before = [value for value in values[:-1] if value is not None]
        value = getattr(record, history.metric)
        if self.checkpoints is not None and (
            not before or (value is not None and value > max(before))
        ):
            with self._timed():
                self.checkpoints.save_best(self._policy(), record.env_steps)

    def save_policy(self) -> None:
        """Save the policy where there is none yet."""
        if self.checkpoints is not None and not self.checkpoints.manifests("best"):
            self.checkpoints.save_best(self._policy(), self.trainer.agent.env_steps)

    def tell_what_cannot_be_saved(self) -> None:
        """Say at the start, not when it is too late, that this run cannot be resumed."""
        if self.checkpoints is None:
            return
        try:
            self.trainer.check_state()
        except StateUnknown as error:
            self.tell_once(f"{error}: its checkpoints hold the policy alone")

    def tell_once(self, warning: str) -> None:
        """Warn, unless it was told before."""
        if warning not in self._warned:
            logging.getLogger("bnpo.runs").warning("%s", warning)
        self._warned.add(warning)

    def way_on(self) -> str:
        """Say what a run that had to end left behind."""
        steps = self.trainer.agent.env_steps
        manifests = self.checkpoints.manifests() if self.checkpoints is not None else []
        if not manifests:
            return f"the run ended at {steps:,} steps without a checkpoint"
        return f"the run ended at {steps:,} steps, its last checkpoint is {manifests[0]}"

    def _policy(self) -> dict[str, Any]:
        agent = self.trainer.agent
        policy = {"encoder": agent.encoder.state_dict(), "actor": agent.actor.state_dict()}
        return {"agent": policy, "env_steps": agent.env_steps}

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        """Count the seconds of a checkpoint."""
        started = time.perf_counter()
        yield
        self.trainer.progress.checkpoint_s += time.perf_counter() - started
