"""TensorBoard event files of what the evaluations of a run find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bnpo.extras import require

__all__ = ["check_events", "with_events"]

Log = Callable[[str, float, int], None]


def check_events(wanted: bool) -> None:
    """Raise a MissingExtra where event files are wanted and TensorBoard is not installed."""
    if wanted:
        require("tensorboard", "tensorboard", "tensorboard=True")


@contextmanager
def with_events(wanted: bool, folder: Path | None, log: Log) -> Iterator[Log]:
    """Yield what logs a scalar: the log that is given, and event files where they are wanted.

    Args:
        wanted: write them
        folder: of the run; the event files go into ``tensorboard`` in it; None writes none
        log: takes name, value and environment steps

    """
    if not wanted or folder is None:
        yield log
        return
    writers: list[Any] = []

    def both(name: str, value: float, env_steps: int) -> None:
        log(name, value, env_steps)
        if not writers:  # what a resumed run finds replaces what it had found after this step
            tensorboard = require("torch.utils.tensorboard", "tensorboard", "tensorboard=True")
            place = str(folder / "tensorboard")
            writers.append(tensorboard.SummaryWriter(place, purge_step=env_steps))
        writers[0].add_scalar(name, value, env_steps)

    try:
        yield both
    finally:
        for writer in writers:
            writer.close()
