"""Runs: what a training run leaves in its folder, and how it is read again."""

from bnpo.runs.listing import RunEntry, list_runs, load, read_run
from bnpo.runs.reading import (
    RUNS,
    Checkpoint,
    checkpoint_path,
    find_run,
    load_agent,
    load_config,
    load_history,
    load_run,
    load_summary,
)
from bnpo.runs.stream import read_stream

__all__ = [
    "RUNS",
    "Checkpoint",
    "RunEntry",
    "checkpoint_path",
    "find_run",
    "list_runs",
    "load",
    "load_agent",
    "load_config",
    "load_history",
    "load_run",
    "load_summary",
    "read_run",
    "read_stream",
]
