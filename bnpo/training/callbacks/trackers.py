"""Callbacks that log a run to experiment trackers: Weights & Biases, MLflow."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bnpo.extras import require
from bnpo.training.callbacks.figures import evaluation_scalars, settings_of
from bnpo.types.callback import Callback, TrainingRun
from bnpo.types.history import Record
from bnpo.types.stream import Picture, Scalars

__all__ = ["MLflow", "WandB"]


class WandB(Callback):
    """Logs a run to Weights & Biases (extra ``wandb``)."""

    def __init__(self, project: str = "bnpo", mode: str | None = None) -> None:
        """Look whether the package is there.

        Args:
            project: that the run belongs to
            mode: online, offline or disabled; None: as the variable WANDB_MODE has it

        Raises:
            MissingExtra: it is not installed.

        """
        self.project = project
        self.mode = mode
        self._wandb: Any = require("wandb", "wandb", "callbacks=wandb")
        self._run: Any = None

    def on_start(self, run: TrainingRun) -> None:
        """Open a run with the settings of this one, its files in the run's folder."""
        place = {} if run.folder is None else {"dir": str(run.folder)}
        settings = settings_of(run)
        self._run = self._wandb.init(
            project=self.project, mode=self.mode, config=settings, reinit="create_new", **place
        )
        self._run.define_metric("*", step_metric="env_steps")

    def on_scalars(self, run: TrainingRun, scalars: Scalars) -> None:
        """Log a line of the training stream."""
        self._run.log({"env_steps": scalars.env_steps, **scalars.values})

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Log an evaluation."""
        self._run.log({"env_steps": record.env_steps, **dict(evaluation_scalars(record))})

    def on_picture(self, run: TrainingRun, name: str, picture: Picture) -> None:
        """Log a picture or a film."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.{picture.kind}"
            path.write_bytes(picture.content)
            kind = self._wandb.Image if picture.kind == "png" else self._wandb.Video
            self._run.log({"env_steps": run.agent.env_steps, f"pictures/{name}": kind(str(path))})

    def on_end(self, run: TrainingRun) -> None:
        """Close the run."""
        if self._run is not None:
            self._run.finish()
            self._run = None


class MLflow(Callback):
    """Logs a run to MLflow (extra ``mlflow``), where its tracking URI says."""

    def __init__(self, experiment: str = "bnpo", uri: str | None = None) -> None:
        """Look whether the package is there.

        Args:
            experiment: that the run belongs to
            uri: of the tracking store, such as ``sqlite:///mlflow.db``; None: as the variable
                MLFLOW_TRACKING_URI has it

        Raises:
            MissingExtra: it is not installed.

        """
        self.experiment = experiment
        self.uri = uri
        mlflow = require("mlflow", "mlflow", "callbacks=mlflow")
        self._client: Any = mlflow.MlflowClient(uri)
        self._run: str | None = None

    def on_start(self, run: TrainingRun) -> None:
        """Open a run with the settings of this one."""
        known = self._client.get_experiment_by_name(self.experiment)
        if known is None:
            experiment = self._client.create_experiment(self.experiment)
        else:
            experiment = known.experiment_id
        self._run = self._client.create_run(experiment).info.run_id
        for key, value in settings_of(run).items():
            self._client.log_param(self._run, key, str(value)[:500])

    def on_scalars(self, run: TrainingRun, scalars: Scalars) -> None:
        """Log a line of the training stream."""
        self._log(scalars.values, scalars.env_steps)

    def on_evaluation(self, run: TrainingRun, record: Record) -> None:
        """Log an evaluation."""
        self._log(dict(evaluation_scalars(record)), record.env_steps)

    def on_picture(self, run: TrainingRun, name: str, picture: Picture) -> None:
        """Keep a picture or a film among the run's artifacts."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}-{run.agent.env_steps:09d}.{picture.kind}"
            path.write_bytes(picture.content)
            self._client.log_artifact(self._run, str(path), "pictures")

    def on_end(self, run: TrainingRun) -> None:
        """Close the run."""
        if self._run is not None:
            self._client.set_terminated(self._run)
            self._run = None

    def _log(self, values: dict[str, float], env_steps: int) -> None:
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=env_steps)
