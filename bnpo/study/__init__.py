"""Studies: the same presets on the same tasks with several seeds, and what can be said of them."""

from bnpo.study.study import Study
from bnpo.study.sweep import Sweep

__all__ = ["Study", "Sweep"]
