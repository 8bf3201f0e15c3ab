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

__all__ = ["carry_out", "opened", "train"]

FILM_SECONDS = 8.0
"""Time that the film at a run's end may take (seconds); a slow renderer makes fewer pictures."""


def train(run: RunConfig, record: Any) -> float | None:
    """Train brains on an environment (the default command)."""
    folders = (getattr(observer, "dir", None) for observer in record.observers)
    folder = next((Path(folder) for folder in folders if folder), None)
    with opened(run, folder, record) as session:
        return carry_out(session)


@contextmanager
def opened(run: RunConfig, folder: Path | None, record: Any) -> Iterator[Session]:
    """Build what trains, and close it.

    Args:
        run: its configuration
        folder: of the run; None leaves no files
        record: sacred's, which takes scalars and info

    """
    from bnpo.experiment.session import Session
    from bnpo.show.text import say
    from bnpo.training.callbacks import Film, TensorBoard
    from bnpo.training.callbacks.terminal import Terminal

    own: list[Any] = [Terminal(say)]
    if run.task.tensorboard and folder is not None:
        own.append(TensorBoard())
    how, _, every = run.task.video.partition("=")
    if how == "every":
        own.append(Film(every=int(every)))
    session = Session(run, folder, record.log_scalar, record.info, own)
    try:
        yield session
    finally:
        session.close()


def carry_out(session: Session) -> float | None:
    """Train, print the figures, then draw the film; return the figure that counts.

    Raises:
        Interrupted: a signal ended the run early; its figures are printed.

    """
    from bnpo.errors import Interrupted
    from bnpo.experiment.report import header_rows, summary_rows
    from bnpo.show.text import say, table

    trainer, folder = session.trainer, session.folder
    say(table(header_rows(session.settings, trainer, folder)))
    say("")
    try:
        summary = session.run()
    except Interrupted:
        if session.summary is not None:
            say("")
            say(table(summary_rows(session.summary, folder)))
            say(_way_on(session))
        raise
    for complaint in trainer.tally.monitor.complaints():
        say(f"warning: {complaint}")
    say("")
    say(table(summary_rows(summary, folder)))
    if folder is not None and session.settings.task.video != "off":
        _film(session, folder)
    return summary.mean_return if summary.success_rate is None else summary.success_rate


def _way_on(session: Session) -> str:
    """Say how to go on with a run that was stopped."""
    from bnpo.runs import RUNS

    folder = session.folder
    if folder is None:
        return "it leaves no files, so it cannot go on"
    number = folder.name if folder.parent == RUNS else str(folder)
    return f"go on with: bnpo resume {number}"


def _film(session: Session, folder: Path) -> None:
    """Film the policy; a run that was trained has not failed for want of a film."""
    from bnpo.show.recording import record
    from bnpo.show.text import say, table

    try:
        video, _stills, *others = record(session.trainer.agent, folder, seconds=FILM_SECONDS)
        text = ", ".join(map(str, (video, *others)))
    except Exception as error:
        text = f"none: {_reason(error)}"
    say(table([("video", text)]))


def _reason(error: Exception) -> str:
    """Return the message of an error in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())[:300] or type(error).__name__


COMMAND = Command(function=train, check=validated)
