"""One training run with its folder: evaluations, checkpoints, summary, curve."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from sacred.utils import SacredInterrupt

from bnpo.compiling import compile_seconds
from bnpo.config import RunConfig
from bnpo.errors import (
    CallbackError,
    CheckpointError,
    Diverged,
    Interrupted,
    RunError,
    StateUnknown,
    WorkerError,
)
from bnpo.experiment.pictures import draw_run
from bnpo.experiment.run_folder import measurements
from bnpo.experiment.stream_record import StreamRecord
from bnpo.files import write_json
from bnpo.presets import agent_of
from bnpo.runs.checkpoint import fitting, policy_alone
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.runs.folder import writing
from bnpo.runs.reading import history_state
from bnpo.runs.summary import Summary, versions
from bnpo.show.text import say
from bnpo.training import Trainer
from bnpo.training.stopping import StopSignals
from bnpo.types.callback import Callback, TrainingRun
from bnpo.types.history import Record

__all__ = ["Session"]

Status = Literal["completed", "interrupted", "failed"]


class Stopped(Interrupted, SacredInterrupt):
    """The same for sacred, which then writes down INTERRUPTED as the run's status."""

    STATUS = "INTERRUPTED"


class Session(Callback):
    """A trainer, and the files that it leaves: it follows the run as a callback."""

    def __init__(
        self,
        run: RunConfig,
        folder: Path | None,
        log_scalar: Callable[[str, float, int], None],
        info: dict[str, Any] | None = None,
        own: Sequence[Callback] = (),
    ) -> None:
        """Build agent and environments.

        Args:
            run: its configuration
            folder: where its files go; None writes none
            log_scalar: takes name, value and environment steps of what an evaluation found
            info: of the record; gets ``worker_restarts`` where there were any
            own: callbacks of the package, called before this one

        """
        self.settings = run
        self.folder = folder
        self.log_scalar = log_scalar
        self.checkpoints: CheckpointFolder | None = None
        self._stream: StreamRecord | None = None
        follow = [*own, self]
        if folder is not None:
            keep = run.train.checkpoint_keep
            self.checkpoints = CheckpointFolder(folder / "checkpoints", keep)
            self._stream = StreamRecord(folder)
            follow.append(self._stream)
        self.trainer = Trainer(agent_of(run), run.train, own=follow, folder=folder)
        if seconds := compile_seconds():
            say(f"compiled the learning steps in {seconds:.1f} s, once for this machine")
        self.info = {} if info is None else info
        self.versions = [versions()]
        self._saved_at: int | None = None
        self.summary: Summary | None = None
        """Figures of the run, once it has ended"""
        self._warned: set[str] = set()

    def restore(self) -> int | None:
        """Go on from the newest usable checkpoint; return its environment steps, None without one.

        Raises:
            CheckpointError: none can be used, or they hold a policy alone.

        """
        assert self.checkpoints is not None
        assert self._stream is not None
        restored = self.checkpoints.restore()
        if restored is None:
            self._stream.rewind(0)
            return None
        state, path, complaints = restored
        with fitting(path):
            self._compare_versions(state.pop("versions", None), path)
        if "progress" not in state:
            raise policy_alone(path, self.settings.task.env)
        with fitting(path):
            self.trainer.load_state_dict(state)
        for complaint in complaints:
            say(f"{complaint}: {path.name} is taken instead")
        history = self.trainer.history
        self.checkpoints.forget_best_after(history[-1].env_steps if len(history) else 0)
        self._saved_at = self.trainer.agent.env_steps
        self.trainer.history.training = self._stream.rewind(self._saved_at)
        return self._saved_at

    def _compare_versions(self, before: Any, checkpoint: Path) -> None:
        """Tell, and keep in the record, that a run goes on with other versions of its packages."""
        if not isinstance(before, list) or not before:
            return  # of a time when checkpoints did not tell
        now, there = self.versions[-1], before[-1]
        other = [name for name in now if name in there and there[name] != now[name]]
        if other:
            say(
                f"{checkpoint.name} was written with "
                + ", ".join(f"{name} {there[name]} (now {now[name]})" for name in other)
                + ": the run may end otherwise than it would have"
            )
            self.info["versions"] = self.versions = [*before, now]
        else:
            self.versions = [*before[:-1], now]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train."""
        trainer = self.trainer
        solved = trainer.config.stop_when_solved and trainer.history.solved is not None
        return solved or trainer.agent.env_steps >= trainer.config.total_steps

    def run(self) -> Summary:
        """Train to the end, or until a stop signal; both leave checkpoint and summary.

        Raises:
            Interrupted: a signal ended the run early.

        """
        signals = StopSignals(self.trainer.request_stop)
        self._forget_summary()
        try:
            self._tell_what_cannot_be_saved()
            with signals.listening():
                self.trainer.run()
                stopped = signals.received is not None and not self.finished
                summary = self._conclude("interrupted" if stopped else "completed")
        except Exception as error:
            with contextlib.suppress(OSError, RunError, CheckpointError):
                self._leave_summary("failed")
                if not isinstance(error, Diverged):
                    self._save_policy()
            if isinstance(error, WorkerError):
                raise WorkerError(f"{error.headline}; {self._way_on()}", error.report) from error
            if isinstance(error, CallbackError | CheckpointError | RunError | Diverged):
                raise type(error)(f"{error}; {self._way_on()}") from error
            raise
        if stopped:
            assert signals.received is not None
            raise Stopped(signals.received)
        return summary

    def close(self) -> None:
        """Close the environments."""
        self.trainer.close()

    def _forget_summary(self) -> None:
        """Remove the summary of an earlier end, which is not that of a run that goes on."""
        if self.folder is not None and not self.finished:
            with writing(self.folder / "summary.json") as path:
                path.unlink(missing_ok=True)

    def _way_on(self) -> str:
        """Say what a run that had to end left behind."""
        steps = self.trainer.agent.env_steps
        manifests = self.checkpoints.manifests() if self.checkpoints is not None else []
        if not manifests:
            return f"the run ended at {steps:,} steps without a checkpoint"
        return f"the run ended at {steps:,} steps, its last checkpoint is {manifests[0]}"

    def on_checkpoint(self, run: TrainingRun) -> None:
        """Save all that decides the run's future."""
        self.save_last()

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Log the scalars of an evaluation and keep the best policy."""
        for name, value in measurements(record):
            self.log_scalar(name, value, record.env_steps)
        if self.folder is None:
            return
        self._write_history()
        if self.checkpoints is not None and self._is_best(record):
            with self._timed():
                self.checkpoints.save_best(self._policy(), record.env_steps)

    def _write_history(self) -> None:
        if self.folder is not None:
            with writing(self.folder / "history.json") as path:
                write_json(path, history_state(self.trainer.history))

    def _is_best(self, record: Record) -> bool:
        """Whether no evaluation before this one was as good."""
        history = self.trainer.history
        values = [getattr(one, history.metric) for one in history]
        before = [value for value in values[:-1] if value is not None]
        value = getattr(record, history.metric)
        return not before or (value is not None and value > max(before))

    def _policy(self) -> dict[str, Any]:
        agent = self.trainer.agent
        policy = {"encoder": agent.encoder.state_dict(), "actor": agent.actor.state_dict()}
        return {"agent": policy, "env_steps": self.trainer.agent.env_steps}

    def save_last(self) -> None:
        """Save all that decides the run's future, or the policy where that cannot be told."""
        if self.checkpoints is None or self._saved_at == self.trainer.agent.env_steps:
            return
        with self._timed():
            try:
                state = self.trainer.state_dict()
            except StateUnknown as error:
                self._tell_once(f"{error}: its checkpoints hold the policy alone")
                state = self._policy()
            state["versions"] = self.versions
            self.checkpoints.save(state, self.trainer.agent.env_steps)
        self._saved_at = self.trainer.agent.env_steps

    def _tell_what_cannot_be_saved(self) -> None:
        """Say at the start, not when it is too late, that this run cannot be resumed."""
        if self.checkpoints is None:
            return
        try:
            self.trainer.check_state()
        except StateUnknown as error:
            self._tell_once(f"{error}: its checkpoints hold the policy alone")

    def _save_policy(self) -> None:
        """Save the policy where there is none yet."""
        if self.checkpoints is not None and not self.checkpoints.manifests("best"):
            self.checkpoints.save_best(self._policy(), self.trainer.agent.env_steps)

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        """Count the seconds of a checkpoint."""
        started = time.perf_counter()
        yield
        self.trainer.progress.checkpoint_s += time.perf_counter() - started

    def _tell_once(self, warning: str) -> None:
        if warning not in self._warned:
            logging.getLogger("bnpo.runs").warning("%s", warning)
        self._warned.add(warning)

    def _conclude(self, status: Status) -> Summary:
        """Write what a run leaves at its end."""
        if self.folder is not None and self.checkpoints is not None:
            self.save_last()
            self._save_policy()
            self._write_history()
            for complaint in draw_run(self.trainer, self.settings, self.folder):
                self._tell_once(complaint)
        return self._leave_summary(status)

    def _leave_summary(self, status: Status) -> Summary:
        trainer = self.trainer
        restarts = trainer.progress.worker_restarts
        if restarts:
            self.info["worker_restarts"] = restarts
        summary = Summary.of(
            trainer.history,
            env_id=trainer.agent.spec.env_id,
            preset=self.settings.task.preset,
            seed=self.settings.task.seed,
            status=status,
            env_steps=trainer.agent.env_steps,
            gradient_steps=trainer.agent.gradient_steps,
            wall_s=trainer.progress.wall_s,
            checkpoint_s=trainer.progress.checkpoint_s,
            evaluation_s=trainer.progress.evaluation_s,
            stopped=trainer.live.stop_reason,
            worker_restarts=len(restarts),
            earlier_versions=self.versions[:-1],
        )
        self.summary = summary
        if self.folder is not None:
            with writing(self.folder / "summary.json") as path:
                summary.write(path)
        return summary
