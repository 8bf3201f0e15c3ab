"""The number of threads that suits a machine: ``bnpo tune-threads with ...``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from typing import Any

from bnpo.compose.validation import plain, validate
from bnpo.envs.cores import available_cores
from bnpo.show.text import say
from bnpo.training import Trainer

__all__ = ["steps_per_s", "tune_threads"]

ROUNDS = 5
"""Measurements of each number of threads, of which the median counts."""

SECONDS = 20.0
"""Time after which no further measurement of a number begins."""


def tune_threads(_config: Mapping[str, Any]) -> int:
    """Measure a run on 1 to all cores and print the fastest number of threads.

    That number decides the last bits of a result: fix it in the configuration (threads=...).
    """
    config = plain(_config)
    speeds: dict[int, float] = {}
    say("threads  steps/s")
    for threads in range(1, available_cores() + 1):
        speeds[threads] = steps_per_s({**config, "threads": threads})
        say(f"{threads:7}  {speeds[threads]:7,.0f}")
    best = max(speeds, key=lambda threads: speeds[threads])
    say(f"fastest: threads={best}")
    return best


def steps_per_s(config: Mapping[str, Any]) -> float:
    """Environment steps per second of a run in full swing, turns of all brains included; a median.

    It is measured from the first turn of the last brain on, or from ``total_steps``.
    """
    agent, train_config = validate(config)
    delays = [brain.learning_delay for brain in agent.descriptions]
    steps = max(delays)  # of the vector environment: at least one turn of every brain
    trainer = Trainer(agent, train_config, progress_bar=False)
    try:
        while agent.env_steps < train_config.total_steps and not all(
            brain.gradient_steps for brain in agent.brains
        ):
            trainer.step()
        speeds: list[float] = []
        begun = time.perf_counter()
        while len(speeds) < ROUNDS and (not speeds or time.perf_counter() - begun < SECONDS):
            started = time.perf_counter()
            for _ in range(steps):
                trainer.step()
            speeds.append(steps * train_config.num_envs / (time.perf_counter() - started))
        return statistics.median(speeds)
    finally:
        trainer.close()
