"""The experiment layer: configuration, command line and records. Only this package knows sacred.

Both names load on first use: the command line needs sacred for recorded runs alone.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from bnpo.extras import on_use

if TYPE_CHECKING:
    from bnpo.experiment.commandline import main
    from bnpo.experiment.definition import experiment

__all__ = ["experiment", "main"]

warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # sacred imports it

__getattr__ = on_use(
    __name__,
    {"experiment": "bnpo.experiment.definition", "main": "bnpo.experiment.commandline"},
)
