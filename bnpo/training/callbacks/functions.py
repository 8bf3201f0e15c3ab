"""Plain functions as callbacks."""

from __future__ import annotations

from collections.abc import Callable

from bnpo.types.callback import Callback, TrainingRun
from bnpo.types.history import Record

__all__ = ["Functions"]


class Functions(Callback):
    """Calls a function with every evaluation, and one at every checkpoint."""

    def __init__(
        self,
        evaluation: Callable[[Record], None] | None,
        checkpoint: Callable[[], None] | None,
    ) -> None:
        """Take functions; None: nothing is called."""
        self._evaluation = evaluation
        self._checkpoint = checkpoint

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Hand on an evaluation."""
        if self._evaluation is not None:
            self._evaluation(record)

    def on_checkpoint(self, run: TrainingRun) -> None:
        """Say that it is time for a checkpoint."""
        if self._checkpoint is not None:
            self._checkpoint()
