"""The experiment layer: configuration, command line and records. Only this package knows sacred.

Both names load on first use: the command line needs sacred for recorded runs alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnpo.experiment.commandline import main
    from bnpo.experiment.definition import experiment

__all__ = ["experiment", "main"]

_HOMES = {"experiment": "bnpo.experiment.definition", "main": "bnpo.experiment.commandline"}


def __getattr__(name: str) -> Any:
    """Import a name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
