"""One training run with its folder: evaluations, checkpoints, summary, curve."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from sacred.utils import SacredInterrupt

from bnpo.agent import Agent
from bnpo.compiling import compile_seconds
from bnpo.config import RunConfig
from bnpo.errors import (
    CallbackError,
    CheckpointError,
    Diverged,
    Interrupted,
    RunError,
    WorkerError,
)
from bnpo.experiment.keeper import Keeper
from bnpo.experiment.pictures import draw_run
from bnpo.experiment.run_folder import measurements
from bnpo.experiment.stream_record import StreamRecord
from bnpo.files import write_json
from bnpo.presets import agent_of
from bnpo.runs.checkpoint import fitting, policy_alone
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.runs.folder import writing
from bnpo.runs.reading import history_state
from bnpo.runs.summary import Summary, changes
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
        *,
        agent: Agent | None = None,
        callbacks: Sequence[Any] = (),
        visible: bool = True,
    ) -> None:
        """Build agent and environments.

        Args:
            run: its configuration
            folder: where its files go; None writes none
            log_scalar: takes name, value and environment steps of what an evaluation found
            info: of the record; gets ``worker_restarts`` where there were any
            own: callbacks of the package, called before this one
            agent: what learns; None: one is made of the configuration
            callbacks: of the user, behind those of the configuration
            visible: whether the run is shown on the screen

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
        self.trainer = Trainer(
            agent or agent_of(run),
            run.train,
            progress_bar=visible,
            callbacks=callbacks,
            own=follow,
            folder=folder,
        )
        if seconds := compile_seconds():
            say(f"compiled the learning steps in {seconds:.1f} s, once for this machine")
        self.keeper = Keeper(self.trainer, self.checkpoints)
        self.info = {} if info is None else info
        self.summary: Summary | None = None
        """Figures of the run, once it has ended"""

    def take_over(self) -> None:
        """Go on with the history of the agent, and leave it the longer one."""
        agent, trainer = self.trainer.agent, self.trainer
        trainer.continue_history(agent.history)
        agent.history = trainer.history
        self.keeper.begin()
        if self._stream is not None:
            self._stream.begin(trainer.history.training)

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
        self.keeper.saved_at = self.trainer.agent.env_steps
        self.trainer.history.training = self._stream.rewind(self.keeper.saved_at)
        return self.keeper.saved_at

    def _compare_versions(self, before: Any, checkpoint: Path) -> None:
        """Tell, and keep in the record, that a run goes on with other versions of its packages."""
        if not isinstance(before, list) or not before:
            return  # of a time when checkpoints did not tell
        now = self.keeper.versions[-1]
        if other := changes(before[-1], now):
            say(
                f"{checkpoint.name} was written with {other}: the run may end otherwise than it "
                "would have"
            )
            self.info["versions"] = self.keeper.versions = [*before, now]
        else:
            self.keeper.versions = [*before[:-1], now]

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
            self.keeper.tell_what_cannot_be_saved()
            with signals.listening():
                self.trainer.run()
                stopped = signals.received is not None and not self.finished
                summary = self._conclude("interrupted" if stopped else "completed")
        except Exception as error:
            with contextlib.suppress(OSError, RunError, CheckpointError):
                self._leave_summary("failed")
                if not isinstance(error, Diverged):
                    self.keeper.save_policy()
            if isinstance(error, WorkerError):
                raise WorkerError(
                    f"{error.headline}; {self.keeper.way_on()}", error.report
                ) from error
            if isinstance(error, CallbackError | CheckpointError | RunError | Diverged):
                raise type(error)(f"{error}; {self.keeper.way_on()}") from error
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

    def on_checkpoint(self, run: TrainingRun) -> None:
        """Save all that decides the run's future."""
        self.keeper.save_last()

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Log the scalars of an evaluation and keep the best policy."""
        for name, value in measurements(record):
            self.log_scalar(name, value, record.env_steps)
        if self.folder is None:
            return
        self._write_history()
        self.keeper.save_if_best(record)

    def _write_history(self) -> None:
        if self.folder is not None:
            with writing(self.folder / "history.json") as path:
                write_json(path, history_state(self.trainer.history))

    def _conclude(self, status: Status) -> Summary:
        """Write what a run leaves at its end."""
        if self.folder is not None and self.checkpoints is not None:
            self.keeper.save_last()
            self.keeper.save_policy()
            self._write_history()
            for complaint in draw_run(self.trainer, self.settings, self.folder):
                self.keeper.tell_once(complaint)
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
            earlier_versions=self.keeper.versions[:-1],
        )
        self.summary = summary
        if self.folder is not None:
            with writing(self.folder / "summary.json") as path:
                summary.write(path)
        return summary
