"""Studies: the same presets on the same tasks with several seeds, and what can be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnpo.extras import on_use

if TYPE_CHECKING:
    from bnpo.study.study import Study
    from bnpo.study.sweep import Sweep

__all__ = ["Study", "Sweep"]

__getattr__ = on_use(__name__, {"Study": "bnpo.study.study", "Sweep": "bnpo.study.sweep"})
