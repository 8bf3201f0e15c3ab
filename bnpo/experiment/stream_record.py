"""The training stream and the pictures of a run, kept in its folder while it trains."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from bnpo.files import write_whole
from bnpo.runs.folder import writing
from bnpo.runs.stream import StreamFile
from bnpo.types.callback import Callback, TrainingRun
from bnpo.types.stream import Picture, Scalars

__all__ = ["StreamRecord"]


class StreamRecord(Callback):
    """Writes ``training.jsonl`` and ``pictures/``."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a run's folder."""
        self._folder = folder
        self._file = StreamFile(folder)
        self._missed = False

    def begin(self, stream: Sequence[Scalars]) -> None:
        """Put what an agent's training has told before into the fresh file.

        Raises:
            RunError: the file cannot be written.

        """
        if stream:
            with writing(self._file.path):
                self._file.replace(stream)

    def rewind(self, env_steps: int) -> list[Scalars]:
        """Take back what the stream tells of later steps; return what stays.

        Raises:
            RunError: the file cannot be written.

        """
        with writing(self._file.path):
            return self._file.rewind(env_steps)

    def on_scalars(self, run: TrainingRun, scalars: Scalars) -> None:
        """Add a line; a run that cannot write it goes on."""
        try:
            self._file.append(scalars)
        except OSError as error:
            if not self._missed:
                logging.getLogger("bnpo.runs").warning(
                    "%s cannot be written: %s; it may lack lines",
                    *(self._file.path, error.strerror or type(error).__name__),
                )
            self._missed = True

    def on_picture(self, run: TrainingRun, name: str, picture: Picture) -> None:
        """Keep a picture that a callback logged.

        Raises:
            RunError: it cannot be written.

        """
        file = f"{name}-{run.agent.env_steps:09d}.{picture.kind}"
        with writing(self._folder / "pictures" / file) as path:
            write_whole(path, picture.content)
