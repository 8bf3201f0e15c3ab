"""The contract of callbacks: what is called while an agent trains, and what it may ask and do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from bnpo.types.history import History, Record
from bnpo.types.stream import Episodes, Picture, Scalars

__all__ = ["HOOKS", "Callback", "TrainingRun"]


class TrainingRun(Protocol):
    """The run as callbacks see it."""

    @property
    def agent(self) -> Any:
        """The :class:`bnpo.Agent` that trains, with ``env_steps`` and ``gradient_steps``."""

    @property
    def config(self) -> Any:
        """The run's :class:`bnpo.TrainConfig`."""

    @property
    def history(self) -> History:
        """Evaluations and training stream so far."""

    @property
    def wall_s(self) -> float:
        """Seconds of training and credit so far, without evaluation."""

    @property
    def evaluation_share(self) -> float:
        """Seconds of evaluations as a share of those of training."""

    @property
    def folder(self) -> Path | None:
        """Folder of the run; None where it leaves no files."""

    def log(self, name: str, value: float) -> None:
        """Put a scalar into the next line of the training stream; the mean of several counts."""

    def log_picture(self, name: str, picture: Any) -> None:
        """Hand a picture to all callbacks: pixels [H, W, 3], or the path of a PNG, GIF or MP4."""

    def request_stop(self, reason: str | None = None) -> None:
        """End the run after the current step."""


class Callback:
    """What is called while an agent trains. Every hook does nothing unless it is overridden.

    Callbacks are given to :func:`bnpo.train` or named in a run's configuration
    (``callbacks=module:Name``). They are called outside the measured time, in the order of their
    list. A class that does not inherit from this one may have any of the hooks.
    """

    def on_start(self, run: TrainingRun) -> None:
        """Begin: environments are reset, nothing is trained yet in this call."""

    def on_step(self, run: TrainingRun) -> None:
        """Follow one step of every environment and the turns of the brains after it."""

    def on_rollout(self, run: TrainingRun, episodes: Episodes) -> None:
        """Take the training episodes that ended in a step."""

    def on_turn(self, run: TrainingRun, scalars: Mapping[str, Mapping[str, float]]) -> None:
        """Take the scalars of the brains that had a turn, by name of the brain."""

    def on_scalars(self, run: TrainingRun, scalars: Scalars) -> None:
        """Take a line of the training stream, every ``log_interval`` environment steps."""

    def on_picture(self, run: TrainingRun, name: str, picture: Picture) -> None:
        """Take a picture or a film that some callback logged."""

    def on_evaluation_start(self, run: TrainingRun) -> None:
        """Begin an evaluation."""

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Take an evaluation."""

    def on_checkpoint(self, run: TrainingRun) -> None:
        """Follow a checkpoint, every ``checkpoint_interval`` environment steps."""

    def on_end(self, run: TrainingRun) -> None:
        """End: the last step and the last evaluation are done, or the run was stopped or failed."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
"""Names of the hooks."""
