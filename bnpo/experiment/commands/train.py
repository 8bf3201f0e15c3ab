"""``bnpo with ...``: one training run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnpo.experiment.command import Command, validated

if TYPE_CHECKING:
    from bnpo.config import RunConfig
    from bnpo.experiment.session import Session
    from bnpo.runs.summary import Summary

__all__ = ["finish", "opened", "train"]


def train(run: RunConfig, record: Any) -> float | None:
    """Train brains on an environment (the default command)."""
    folders = (getattr(observer, "dir", None) for observer in record.observers)
    folder = next((Path(folder) for folder in folders if folder), None)
    with opened(run, folder, record) as session:
        return finish(session, session.run())


@contextmanager
def opened(run: RunConfig, folder: Path | None, record: Any) -> Iterator[Session]:
    """Build what trains, and close it.

    Args:
        run: its configuration
        folder: of the run; None leaves no files
        record: sacred's, which takes scalars and info

    """
    from bnpo.experiment.session import Session
    from bnpo.interop.events import with_events

    with with_events(run.task.tensorboard, folder, record.log_scalar) as log:
        session = Session(run, folder, log, record.info)
        try:
            yield session
        finally:
            session.close()


def finish(session: Session, summary: Summary) -> float | None:
    """Record the video and print the figures; return the one that counts."""
    from bnpo.experiment.report import summary_rows
    from bnpo.show.recording import record as record_agent
    from bnpo.show.text import say, table

    rows = summary_rows(summary)
    folder = session.folder
    if folder is not None:
        try:
            video = str(record_agent(session.trainer.agent, folder)[0])
        except Exception as error:  # a run that was trained has not failed for want of a film
            video = f"none: {_reason(error)}"
        rows += [
            ("run", str(folder)),
            ("learning curve", str(folder / "learning_curve.png")),
            ("video", video),
        ]
    say(table(rows))
    return summary.mean_return if summary.success_rate is None else summary.success_rate


def _reason(error: Exception) -> str:
    """Message of an error in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())[:300] or type(error).__name__


COMMAND = Command(function=train, check=validated)
