"""``bnpo with ...``: one training run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnpo.experiment.command import Command, validated

if TYPE_CHECKING:
    from bnpo.config import RunConfig
    from bnpo.experiment.session import Session
    from bnpo.types.callback import Callback

__all__ = ["carry_out", "folder_of", "opened", "train"]

FILM_SECONDS = 8.0
"""Time that the film at a run's end may take (seconds); a slow renderer makes fewer pictures."""


def train(run: RunConfig, record: Any) -> float | None:
    """Train brains on an environment (the default command)."""
    with opened(run, folder_of(record), record) as session:
        return carry_out(session)


def folder_of(record: Any) -> Path | None:
    """Return the folder that a run of sacred's leaves files in; None where it leaves none."""
    folders = (getattr(observer, "dir", None) for observer in record.observers)
    return next((Path(folder) for folder in folders if folder), None)


@contextmanager
def opened(
    run: RunConfig,
    folder: Path | None,
    record: Any,
    own: Sequence[Callback] = (),
    *,
    visible: bool = True,
    **of_session: Any,
) -> Iterator[Session]:
    """Build what trains, and close it.

    Args:
        run: its configuration
        folder: of the run; None leaves no files
        record: sacred's, which takes scalars and info
        own: callbacks of the package, behind those of the command line
        visible: whether the run is shown on the screen
        **of_session: what else the :class:`Session` takes: agent, callbacks

    """
    from bnpo.experiment.session import Session
    from bnpo.show.text import say
    from bnpo.training.callbacks import Film, TensorBoard
    from bnpo.training.callbacks.terminal import Terminal

    follow: list[Any] = [Terminal(say)] if visible else []
    if run.task.tensorboard and folder is not None:
        follow.append(TensorBoard())
    how, _, every = run.task.video.partition("=")
    if how == "every":
        follow.append(Film(every=int(every)))
    follow += own
    log, info = record.log_scalar, record.info
    session = Session(run, folder, log, info, follow, visible=visible, **of_session)
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
    tell = say if trainer.progress_bar else _nobody
    tell(table(header_rows(session.settings, trainer, folder)))
    tell("")
    try:
        summary = session.run()
    except Interrupted:
        if session.summary is not None:
            tell("")
            tell(table(summary_rows(session.summary, folder)))
            tell(_way_on(session))
        raise
    for complaint in trainer.tally.monitor.complaints():
        tell(f"warning: {complaint}")
    tell("")
    tell(table(summary_rows(summary, folder)))
    if folder is not None and session.settings.task.video != "off":
        tell(table([("video", _film(session, folder))]))
    return summary.mean_return if summary.success_rate is None else summary.success_rate


def _way_on(session: Session) -> str:
    """Say how to go on with a run that was stopped."""
    from bnpo.runs import RUNS

    folder = session.folder
    if folder is None:
        return "it leaves no files, so it cannot go on"
    number = folder.name if folder.parent == RUNS else str(folder)
    return f"go on with: bnpo resume {number}"


def _nobody(text: str) -> None:
    """Tell nobody."""


def _film(session: Session, folder: Path) -> str:
    """Film the policy; a run that was trained has not failed for want of a film."""
    from bnpo.show.recording import record

    try:
        video, _stills, *others = record(session.trainer.agent, folder, seconds=FILM_SECONDS)
    except Exception as error:
        return f"none: {_reason(error)}"
    return ", ".join(map(str, (video, *others)))


def _reason(error: Exception) -> str:
    """Return the message of an error in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())[:300] or type(error).__name__


COMMAND = Command(function=train, check=validated)
