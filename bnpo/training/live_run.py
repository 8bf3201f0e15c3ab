"""The run as its callbacks see it while it trains: its figures, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bnpo.agent import Agent
from bnpo.config import TrainConfig
from bnpo.show import interruptible
from bnpo.show.pictures import picture_of
from bnpo.training.callbacks.dispatch import Dispatcher, callback_of, checked
from bnpo.training.callbacks.stopping import WhenSolved
from bnpo.training.callbacks.terminal import Terminal, warnings_shown
from bnpo.training.stream import Tally
from bnpo.types.callback import Callback
from bnpo.types.history import History, Record

__all__ = ["LiveRun"]


class LiveRun:
    """One agent's run: what it counts, and its callbacks (a TrainingRun)."""

    def __init__(
        self,
        agent: Agent,
        config: TrainConfig,
        *,
        callbacks: Sequence[Any] = (),
        own: Sequence[Callback] = (),
        folder: Path | None = None,
    ) -> None:
        """Take what trains, and who follows it.

        Args:
            agent: what learns
            config: of the run
            callbacks: objects with hooks of :class:`bnpo.Callback`, or names of such, behind those
                of the configuration
            own: callbacks of the package, whose exceptions end the run as they are
            folder: of the run, for callbacks that leave files

        Raises:
            ConfigError: for what is no callback.

        """
        self.agent = agent
        self.config = config
        self.folder = folder
        self.tally = Tally(agent, config.num_envs)
        self.history = History(
            metric=config.solve_metric
            or ("success_rate" if agent.spec.is_goal_env else "mean_return"),
            threshold=config.solve_threshold,
        )
        self.stopped = False
        """Whether the run is to end after the current step"""
        self.stop_reason: str | None = None
        """Reason for which a callback ended the run; None if none gave one"""
        self._own = [*own]
        self._users = [callback_of(spec) for spec in config.callbacks] + [
            callback_of(one) if isinstance(one, str | dict) else checked(one) for one in callbacks
        ]
        self._callbacks = Dispatcher(self, (), (), config.on_callback_failure)

    @property
    def wall_s(self) -> float:
        """Time of training and credit so far, without evaluation (seconds)."""
        return self.tally.progress.wall_s

    @property
    def evaluation_share(self) -> float:
        """Seconds of evaluations as a share of those of training."""
        progress = self.tally.progress
        return progress.evaluation_s / max(progress.wall_s, 1e-9)

    def log(self, name: str, value: float) -> None:
        """Put a scalar into the next line of the training stream; the mean of several counts.

        Args:
            name: ``group/quantity``; without a group it goes to ``callbacks``
            value: left out where it is not finite

        """
        self.tally.stream.log(name if "/" in name else f"callbacks/{name}", value)

    def log_picture(self, name: str, picture: Any) -> None:
        """Hand a picture to all callbacks; a recorded run keeps it in ``pictures``.

        Args:
            name: letters, digits, dots and dashes
            picture: pixels [H, W, 3], or the path of a PNG, GIF or MP4

        Raises:
            ConfigError: it is neither.

        """
        self._callbacks.call("on_picture", name, picture_of(name, picture))

    def request_stop(self, reason: str | None = None) -> None:
        """End the run after the current step.

        Args:
            reason: told at the end

        """
        self.stopped = True
        self.stop_reason = reason

    @contextmanager
    def followed(self, functions: Callback, *, visible: bool) -> Iterator[None]:
        """Let callbacks follow the run, from its start to its end, however it ends.

        Args:
            functions: further callbacks of this part of the run
            visible: whether it is shown on the screen, unless a callback of the package does so

        """
        own = [*self._own, functions, *([WhenSolved()] if self.config.stop_when_solved else [])]
        terminal = next((one for one in own if isinstance(one, Terminal)), None)
        if terminal is None and visible:
            terminal = Terminal()
            own.insert(0, terminal)
        callbacks = Dispatcher(self, own, self._users, self.config.on_callback_failure)
        self._callbacks = callbacks
        self.stop_reason = None
        with ExitStack() as stack:
            if terminal is not None:
                stack.enter_context(warnings_shown(terminal))
            stack.enter_context(interruptible(self.request_stop))
            try:
                callbacks.call("on_start")
                yield
            except BaseException:
                callbacks.call("on_end", failing=True)
                raise
            callbacks.call("on_end")
        self.stopped = False  # so that another call goes on

    def tell_step(self, *, line: bool) -> None:
        """Call the hooks of callbacks after a step.

        Args:
            line: whether it completes a line of the training stream

        """
        call, tally = self._callbacks.call, self.tally
        call("on_step")
        if tally.ended is not None:
            call("on_rollout", tally.ended)
        if tally.turns:
            call("on_turn", tally.turns)
        if line:
            agent, progress = self.agent, tally.progress
            scalars = tally.stream.line(
                agent.env_steps,
                agent.gradient_steps,
                progress.wall_s,
                evaluation_s=progress.evaluation_s,
                checkpoint_s=progress.checkpoint_s,
            )
            self.history.training.append(scalars)
            call("on_scalars", scalars)

    def tell_evaluation(self, record: Record | None) -> None:
        """Call the hooks of callbacks about an evaluation; None: it begins."""
        if record is None:
            self._callbacks.call("on_evaluation_start")
            return
        self.history.append(record)
        self._callbacks.call("on_evaluation", record)

    def tell_checkpoint(self) -> None:
        """Call the hooks of callbacks about a checkpoint."""
        self._callbacks.call("on_checkpoint")
