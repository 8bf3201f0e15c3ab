"""One training run with its folder: evaluations, checkpoints, summary, curve."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from bnpo.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from bnpo.experiment.stopping import Interrupted, StopSignals
from bnpo.experiment.validation import validate
from bnpo.history import Record
from bnpo.plotting import draw
from bnpo.runs import checkpoint_path, history_state
from bnpo.summary import Summary, write_json
from bnpo.training import Trainer

__all__ = ["Session"]

Status = Literal["completed", "interrupted", "failed"]


class Session:
    """A trainer, and the files that it leaves."""

    def __init__(
        self,
        config: Mapping[str, Any],
        folder: Path | None,
        log_scalar: Callable[[str, float, int], None],
    ) -> None:
        """Build agent and environments.

        Args:
            config: of the run, complete
            folder: where its files go; None writes none
            log_scalar: takes name, value and environment steps of what an evaluation found

        """
        self.settings = config
        self.folder = folder
        self.log_scalar = log_scalar
        agent, train_config = validate(config)
        self.trainer = Trainer(agent, train_config)
        self._saved_at = 0

    def restore(self) -> int | None:
        """Go on from the last checkpoint; return its environment steps, None where there is none.

        Raises:
            CheckpointError: it is damaged, or holds a policy alone.

        """
        assert self.folder is not None
        path = checkpoint_path(self.folder)
        if not path.exists():
            return None
        state = load_checkpoint(path)
        if "progress" not in state:
            raise CheckpointError(
                f"checkpoint {path} holds a policy alone: {self.settings['env']} cannot tell its "
                "state, so its runs cannot be resumed"
            )
        try:
            self.trainer.load_state_dict(state)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())[:100]
            raise CheckpointError(f"checkpoint {path} does not fit its run: {reason}") from None
        self._saved_at = self.trainer.agent.env_steps
        return self._saved_at

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
        try:
            with signals.listening():
                with _undisturbed_bar():
                    self.trainer.run(self._on_evaluation)
                stopped = signals.received is not None and not self.finished
                summary = self._conclude("interrupted" if stopped else "completed")
        except Exception:
            self._leave_summary("failed")
            raise
        if stopped:
            assert signals.received is not None
            raise Interrupted(signals.received)
        return summary

    def close(self) -> None:
        """Close the environments."""
        self.trainer.close()

    def _on_evaluation(self, record: Record) -> None:
        for name, value in record.row().items():
            if value is not None and name not in ("env_steps", "episodes"):
                self.log_scalar(name, value, record.env_steps)
        if self.folder is None:
            return
        write_json(self.folder / "history.json", history_state(self.trainer.history))
        if self._is_best(record):
            save_checkpoint(checkpoint_path(self.folder, "best"), self._policy())
        interval = self.trainer.config.checkpoint_interval
        if record.env_steps // interval > self._saved_at // interval:
            self._save_last()

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

    def _save_last(self) -> None:
        """Save all that decides the run's future, or the policy where that cannot be told."""
        assert self.folder is not None
        whole = hasattr(self.trainer.env, "get_state")
        state = self.trainer.state_dict() if whole else self._policy()
        save_checkpoint(checkpoint_path(self.folder), state)
        self._saved_at = self.trainer.agent.env_steps

    def _conclude(self, status: Status) -> Summary:
        """Write what a run leaves at its end."""
        if self.folder is not None:
            self._save_last()
            if not checkpoint_path(self.folder, "best").exists():
                save_checkpoint(checkpoint_path(self.folder, "best"), self._policy())
            write_json(self.folder / "history.json", history_state(self.trainer.history))
            if len(self.trainer.history):
                title = f"{self.settings['preset'] or 'own brains'} on {self.settings['env']}"
                draw(self.trainer.history, self.folder / "learning_curve.png", title)
        return self._leave_summary(status)

    def _leave_summary(self, status: Status) -> Summary:
        trainer = self.trainer
        summary = Summary.of(
            trainer.history,
            env_id=trainer.agent.spec.env_id,
            preset=self.settings["preset"],
            seed=self.settings["seed"],
            status=status,
            env_steps=trainer.agent.env_steps,
            gradient_steps=trainer.agent.gradient_steps,
            wall_s=trainer.progress.wall_s,
        )
        if self.folder is not None:
            summary.write(self.folder / "summary.json")
        return summary


@contextlib.contextmanager
def _undisturbed_bar() -> Iterator[None]:
    """Let the progress bar write past the capture of output, which would keep all its states."""
    terminal = getattr(sys.stderr, "__wrapped__", sys.stderr)
    with contextlib.redirect_stderr(terminal):
        yield
