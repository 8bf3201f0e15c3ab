"""The screen of a run: a bar, a line for each evaluation, warnings above the bar."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm

from bnpo.errors import printable
from bnpo.show.beside_bar import beside
from bnpo.show.kernel import in_notebook
from bnpo.show.live_bar import LiveBar
from bnpo.show.plotting import plot
from bnpo.types.callback import Callback, TrainingRun
from bnpo.types.history import Record
from bnpo.types.stream import Scalars

__all__ = ["Terminal", "warnings_shown"]

Write = Callable[[str], None]

_COLUMNS = {
    "steps": 11,
    "success": 8,
    "score": 8,
    "return": 10,
    "training return": 16,
    "steps/s": 9,
    "evaluation": 11,
}
"""Columns of the lines and their widths."""


class Terminal(Callback):
    """A bar where the standard error is a terminal, and a line for each evaluation.

    A run of few evaluations gets a line for each tenth of its steps as well. In a notebook there is
    a bar with a learning curve instead.
    """

    def __init__(self, write: Write | None = None) -> None:
        """Write lines by a function; None: to the standard error."""
        self._write = write
        self._bar: Any = None
        self._beside = contextlib.ExitStack()
        self._done = 0
        self._training: dict[str, float] = {}
        self._told = (0, 0.0)  # steps, and seconds of training, of the last line
        self._columns: list[str] = []
        self._titled = False
        self._tenth = 0
        self._waiting: int | None = None  # steps of a line that an evaluation may replace

    def on_start(self, run: TrainingRun) -> None:
        """Show an empty bar."""
        total, taken = run.config.total_steps, run.agent.env_steps
        tells = {"success": run.agent.spec.is_goal_env, "score": False}
        self._columns = [name for name in _COLUMNS if tells.get(name, True)]
        self._titled = False
        self._done, self._tenth = taken, _tenth(taken, total)
        self._training, self._told = {}, (taken, run.wall_s)
        if in_notebook():
            self._bar = LiveBar(total, taken, lambda: plot(run.history))
            return
        terminal: Any = getattr(sys.stderr, "__wrapped__", sys.stderr)  # a record keeps no bars
        self._bar = tqdm(
            total=total,
            initial=taken,
            unit="step",
            file=terminal,
            disable=not terminal.isatty(),
            dynamic_ncols=True,
        )
        self._beside.enter_context(beside(self._bar))

    def on_step(self, run: TrainingRun) -> None:
        """Move the bar."""
        now = run.agent.env_steps
        if self._waiting is not None:  # no evaluation came in its place
            self._line(run, self._waiting, {})
            self._waiting = None
        self._bar.update(now - self._done)
        self._done = now

    def on_scalars(self, run: TrainingRun, scalars: Scalars) -> None:
        """Remember what training tells; tell it where no evaluation has for a tenth of the run."""
        self._training |= scalars.values  # a line in which no episode ended tells no return
        tenth = _tenth(scalars.env_steps, run.config.total_steps)
        if tenth > self._tenth:
            self._tenth, self._waiting = tenth, scalars.env_steps

    def on_evaluation_start(self, run: TrainingRun) -> None:
        """Show that an evaluation is under way."""
        if isinstance(self._bar, tqdm):
            self._bar.set_postfix_str("evaluating")

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Tell an evaluation in a line."""
        self._waiting = None
        self._bar.set_postfix(record.headline())
        self._tenth = _tenth(record.env_steps, run.config.total_steps)
        figures = {"success": record.success_rate, "score": record.mean_score}
        texts = {name: f"{value:.2f}" for name, value in figures.items() if value is not None}
        texts |= {"return": f"{record.mean_return:.2f}"}
        texts |= {"evaluation": f"{run.evaluation_share:.0%}"}
        self._line(run, record.env_steps, texts)

    def on_end(self, run: TrainingRun) -> None:
        """Leave the bar as it is."""
        self._beside.close()
        if self._bar is not None:
            self._bar.close()

    def write(self, text: str) -> None:
        """Write a line above the bar."""
        bar = self._bar if isinstance(self._bar, tqdm) and not self._bar.disable else None
        if bar is not None:
            bar.clear()
        (self._write or _to_stderr)(text)
        if bar is not None:
            bar.refresh()

    def _line(self, run: TrainingRun, env_steps: int, texts: dict[str, str]) -> None:
        """Tell figures of one moment, under their titles where these are not there yet.

        The speed is that since the last line.
        """
        if in_notebook():
            return
        training = self._training
        row = {"steps": f"{env_steps:,}", **texts}
        if "rollout/return" in training:
            row["training return"] = f"{training['rollout/return']:.2f}"
        before, self._told = self._told, (env_steps, run.wall_s)
        row["steps/s"] = f"{(env_steps - before[0]) / max(run.wall_s - before[1], 1e-9):,.0f}"
        columns = [name for name in _COLUMNS if name in row or name in self._columns]
        if columns != self._columns or not self._titled:
            self._columns, self._titled = columns, True
            self.write("".join(f"{name:>{_COLUMNS[name]}}" for name in columns))
        self.write("".join(f"{row.get(name, '-'):>{_COLUMNS[name]}}" for name in columns))


class _Above(logging.Handler):
    """Writes warnings of the package above a bar, each once."""

    def __init__(self, write: Write) -> None:
        super().__init__(logging.WARNING)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        self._write(f"{record.levelname.lower()}: {printable(record.getMessage())}")


@contextlib.contextmanager
def warnings_shown(terminal: Terminal) -> Iterator[None]:
    """Let warnings of the package appear as lines, where nobody else handles them."""
    logger = logging.getLogger("bnpo")
    if logger.hasHandlers():
        yield
        return
    handler = _Above(terminal.write)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _tenth(env_steps: int, total: int) -> int:
    return 10 * env_steps // total


def _to_stderr(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
