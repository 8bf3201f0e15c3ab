"""Replay: the shared table of segments, each brain's pool and the laws that draw from it."""

from bnpo.replay.laws import (
    LAWS,
    ImportanceRatio,
    SamplingLaw,
    TDError,
    Uniform,
)
from bnpo.replay.pool import Pool
from bnpo.replay.segments import columns_of, widths_of
from bnpo.replay.sum_tree import SumTree
from bnpo.replay.table import SegmentTable

__all__ = [
    "LAWS",
    "ImportanceRatio",
    "Pool",
    "SamplingLaw",
    "SegmentTable",
    "SumTree",
    "TDError",
    "Uniform",
    "columns_of",
    "widths_of",
]
