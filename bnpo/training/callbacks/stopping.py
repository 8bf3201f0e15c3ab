"""Callbacks that end a run early."""

from __future__ import annotations

import math

from bnpo.config import Count, config
from bnpo.errors import ConfigError
from bnpo.types.callback import Callback, TrainingRun
from bnpo.types.history import Metric, Record

__all__ = ["EarlyStopping", "WhenSolved"]


class WhenSolved(Callback):
    """Ends a run when its task is solved (``stop_when_solved``)."""

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Stop at the second of two evaluations in a row at or above the threshold."""
        if run.history.solved is not None:
            run.request_stop()


@config
class EarlyStopping(Callback):
    """Ends a run when evaluations have not become better for a while."""

    patience: Count = 5
    """Number of evaluations in a row that may be no better than the best before them."""

    min_delta: float = 0.0
    """Amount by which an evaluation has to be better."""

    metric: Metric | None = None
    """Figure that is compared; None: the one that decides when the task is solved."""

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Compare the last evaluations with the best before them."""
        metric = self.metric or run.history.metric
        if getattr(record, metric) is None:
            raise ConfigError(
                f"EarlyStopping.metric = {metric!r}: the environment does not tell it"
            )
        values = [getattr(one, metric) for one in run.history]
        known = [-math.inf if value is None else value for value in values]
        best = 0
        for index, value in enumerate(known):
            if value > known[best] + self.min_delta:
                best = index
        if len(known) - 1 - best >= self.patience:
            at = run.history[best].env_steps
            run.request_stop(
                f"{metric} was no better than {known[best]:.3g} at {at:,} steps in "
                f"{self.patience} evaluations"
            )
