"""Callbacks: what follows a run while it trains, and may log, stop and film."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnpo.extras import on_use

if TYPE_CHECKING:
    from bnpo.training.callbacks.film import Film
    from bnpo.training.callbacks.stopping import EarlyStopping
    from bnpo.training.callbacks.tensorboard import TensorBoard
    from bnpo.training.callbacks.trackers import MLflow, WandB
    from bnpo.types.callback import Callback, TrainingRun

__all__ = [
    "Callback",
    "EarlyStopping",
    "Film",
    "MLflow",
    "TensorBoard",
    "TrainingRun",
    "WandB",
]

_HERE = "bnpo.training.callbacks"

__getattr__ = on_use(
    __name__,
    {
        "Callback": "bnpo.types.callback",
        "EarlyStopping": f"{_HERE}.stopping",
        "Film": f"{_HERE}.film",
        "MLflow": f"{_HERE}.trackers",
        "TensorBoard": f"{_HERE}.tensorboard",
        "TrainingRun": "bnpo.types.callback",
        "WandB": f"{_HERE}.trackers",
    },
)
