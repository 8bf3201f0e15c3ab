"""A run while it trains, as its callbacks see it: what it tells, and what they may do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
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
from bnpo.training.monitor import Monitor, Progress
from bnpo.training.stream import EpisodeCounter, Stream
from bnpo.types.callback import Callback
from bnpo.types.history import History, Record
from bnpo.types.step import Step
from bnpo.types.stream import Episodes

__all__ = ["LiveRun"]


class LiveRun:
    """One agent's run: its figures, its training stream and its callbacks (a TrainingRun)."""

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
        self.progress = Progress()
        self.history = History(
            metric=config.solve_metric
            or ("success_rate" if agent.spec.is_goal_env else "mean_return"),
            threshold=config.solve_threshold,
        )
        self.monitor = Monitor(agent)
        self.episodes = EpisodeCounter(config.num_envs)
        self.stream = Stream()
        self.stopped = False
        """Whether the run is to end after the current step"""
        self.stop_reason: str | None = None
        """Why a callback ended the run"""
        self._own = [*own]
        self._users = [callback_of(spec) for spec in config.callbacks] + [
            callback_of(one) if isinstance(one, str | dict) else checked(one) for one in callbacks
        ]
        self._callbacks = Dispatcher(self, (), (), config.on_callback_failure)
        self._ended: Episodes | None = None  # training episodes that the last step ended
        self._turns: Mapping[str, Mapping[str, float]] = {}  # what brains told of turns after it

    @property
    def wall_s(self) -> float:
        """Seconds of training and credit so far, without evaluation."""
        return self.progress.wall_s

    @property
    def evaluation_share(self) -> float:
        """Seconds of evaluations as a share of those of training."""
        return self.progress.evaluation_s / max(self.progress.wall_s, 1e-9)

    def log(self, name: str, value: float) -> None:
        """Put a scalar into the next line of the training stream; the mean of several counts.

        Args:
            name: ``group/quantity``; without a group it goes to ``callbacks``
            value: left out where it is not finite

        """
        if math.isfinite(value):
            self.stream.log(name if "/" in name else f"callbacks/{name}", value)

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
    def followed(self, functions: Callback, *, shown: bool) -> Iterator[None]:
        """Let callbacks follow the run, from its start to its end, however it ends.

        Args:
            functions: further callbacks of this part of the run
            shown: whether it is shown on the screen, unless a callback of the package does so

        """
        own = [*self._own, functions, *([WhenSolved()] if self.config.stop_when_solved else [])]
        terminal = next((one for one in own if isinstance(one, Terminal)), None)
        if terminal is None and shown:
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

    def note(self, step: Step | None, turns: Mapping[str, Mapping[str, float]]) -> None:
        """Count a step of every environment and the turns after it; warn of what looks wrong.

        Args:
            step: of the environments; None: brains learnt without one
            turns: scalars of the brains that had a turn, by name

        """
        self._ended = None
        if step is not None:
            self.progress.note_step(step)
            self._ended = self.episodes.note(step)
        if self._ended is not None:
            self.stream.note_episodes(self._ended)
        self._turns = turns
        if turns:
            self.stream.note_turns(turns)
            for name, info in turns.items():
                self.monitor.judge(name, info)

    def tell_step(self, *, line: bool) -> None:
        """Tell callbacks what the last step was.

        Args:
            line: whether it completes a line of the training stream

        """
        call = self._callbacks.call
        call("on_step")
        if self._ended is not None:
            call("on_rollout", self._ended)
        if self._turns:
            call("on_turn", self._turns)
        if line:
            agent, progress = self.agent, self.progress
            scalars = self.stream.line(
                agent.env_steps,
                agent.gradient_steps,
                progress.wall_s,
                evaluation_s=progress.evaluation_s,
                checkpoint_s=progress.checkpoint_s,
            )
            self.history.training.append(scalars)
            call("on_scalars", scalars)

    def tell_evaluation(self, record: Record | None) -> None:
        """Tell callbacks of an evaluation; None: it begins."""
        if record is None:
            self._callbacks.call("on_evaluation_start")
            return
        self.history.append(record)
        self._callbacks.call("on_evaluation", record)

    def tell_checkpoint(self) -> None:
        """Tell callbacks that it is time for a checkpoint."""
        self._callbacks.call("on_checkpoint")
