"""TensorBoard event files of a run: stream, evaluations, hyperparameters, pictures and films."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnpo.errors import ConfigError
from bnpo.extras import require
from bnpo.training.callbacks.figures import evaluation_scalars, settings_of
from bnpo.types.callback import Callback, TrainingRun
from bnpo.types.history import Record
from bnpo.types.stream import Picture, Scalars

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes TensorBoard's event files (extra ``tensorboard``).

    Tags are grouped: ``evaluation/success_rate``, ``rollout/return``, ``time/env_steps_per_s``,
    ``BRAIN/quantity``; the HPARAMS tab has the configuration.
    """

    def __init__(self, folder: str | None = None) -> None:
        """Look whether TensorBoard is there.

        Args:
            folder: for the files; None: ``tensorboard`` in the run's folder

        Raises:
            MissingExtra: it is not installed.

        """
        require("tensorboard", "tensorboard", "tensorboard=True")
        self.folder = folder
        self._writer: Any = None

    def on_start(self, run: TrainingRun) -> None:
        """Open a file of events; what a resumed run finds replaces what it had found after here.

        Raises:
            ConfigError: the run leaves no files, and no folder was named.

        """
        if self.folder is None and run.folder is None:
            raise ConfigError(
                "TensorBoard.folder = None: a run that leaves no files needs the name of a folder"
            )
        tensorboard = require("torch.utils.tensorboard", "tensorboard", "tensorboard=True")
        place = run.folder or Path()
        folder = self.folder or str(place / "tensorboard")
        self._writer = tensorboard.SummaryWriter(folder, purge_step=run.agent.env_steps + 1)

    def on_scalars(self, run: TrainingRun, scalars: Scalars) -> None:
        """Write a line of the stream."""
        self._write(scalars.env_steps, scalars.values)

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Write an evaluation."""
        self._write(record.env_steps, dict(evaluation_scalars(record)))

    def on_picture(self, run: TrainingRun, name: str, picture: Picture) -> None:
        """Write a picture; an animated GIF plays."""
        if self._writer is None or picture.kind == "mp4":
            return
        summary = require("tensorboard.compat.proto.summary_pb2", "tensorboard", "tensorboard=True")
        image = summary.Summary.Image(
            height=picture.height,
            width=picture.width,
            colorspace=3,
            encoded_image_string=picture.content,
        )
        value = summary.Summary.Value(tag=f"pictures/{name}", image=image)
        event = summary.Summary(value=[value])
        self._writer.file_writer.add_summary(event, run.agent.env_steps)

    def on_end(self, run: TrainingRun) -> None:
        """Write the hyperparameters beside the last evaluation, and close the file."""
        if self._writer is None:
            return
        if len(run.history):
            plain = {
                key: value if isinstance(value, bool | int | float | str) else str(value)
                for key, value in settings_of(run).items()
            }
            metrics = dict(evaluation_scalars(run.history[-1]))
            hparams = require("torch.utils.tensorboard.summary", "tensorboard", "tensorboard=True")
            for event in hparams.hparams(plain, metrics):
                self._writer.file_writer.add_summary(event)
        self._writer.close()
        self._writer = None

    def _write(self, env_steps: int, values: dict[str, float]) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, env_steps)
