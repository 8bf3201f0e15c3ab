"""Programs timed side by side: in each round all take their turn, and the median counts.

So a busy machine slows all of them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

Work = Callable[[], int]
"""Does a piece of work and returns how much it was."""

CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}
"""Seconds of the processor, or of the wall."""


class Clock:
    """Measures works that alternate."""

    def __init__(self, rounds: int, now: Callable[[], float]) -> None:
        """Take the number of rounds, of which the median counts, and what tells the time."""
        self.rounds, self.now = rounds, now

    def measure(self, candidates: dict[str, Work]) -> dict[str, float]:
        """Work per second of each, the median over rounds in which they alternate."""
        speeds: dict[str, list[float]] = {name: [] for name in candidates}
        for work in candidates.values():
            work()
        for _ in range(self.rounds):
            for name, work in candidates.items():
                began = self.now()
                done = work()
                speeds[name].append(done / (self.now() - began))
        return {name: statistics.median(values) for name, values in speeds.items()}
