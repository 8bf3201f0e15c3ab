"""Settings of a run and figures of its evaluations by name, as callbacks hand them on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from bnpo.presets import run_of, write_config
from bnpo.types.callback import TrainingRun
from bnpo.types.history import Record

__all__ = ["evaluation_scalars", "settings_of"]


def settings_of(run: TrainingRun) -> dict[str, Any]:
    """Return the configuration of a run by dotted path."""
    return dict(_flat(write_config(dataclasses.replace(run_of(run.agent), train=run.config))))


def evaluation_scalars(record: Record) -> Iterator[tuple[str, float]]:
    """Yield the figures of an evaluation under ``evaluation/``."""
    for name in ("success_rate", "mean_return", "mean_length", "mean_score"):
        value = getattr(record, name)
        if value is not None:
            yield f"evaluation/{name}", float(value)


def _flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
