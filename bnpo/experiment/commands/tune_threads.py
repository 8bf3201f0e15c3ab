"""``bnpo tune-threads with ...``: the number of threads that suits a machine."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bnpo.experiment.command import Command, validated

if TYPE_CHECKING:
    from bnpo.config import RunConfig

__all__ = ["steps_per_s", "tune_threads"]

ROUNDS = 5
"""Number of measurements of each number of threads, of which the median counts."""

SECONDS = 20.0
"""Time after which no further measurement of a number begins."""


def tune_threads(run: RunConfig) -> int:
    """Measure a run on 1 to all cores and print the fastest number of threads.

    That number decides the last bits of a result: fix it in the configuration (threads=...).
    """
    from bnpo.envs.cores import available_cores
    from bnpo.show.text import say

    speeds: dict[int, float] = {}
    say("threads  steps/s")
    for threads in range(1, available_cores() + 1):
        speeds[threads] = steps_per_s(run.with_train(threads=threads))
        say(f"{threads:7}  {speeds[threads]:7,.0f}")
    best = max(speeds, key=lambda threads: speeds[threads])
    say(f"fastest: threads={best}")
    return best


def steps_per_s(run: RunConfig) -> float:
    """Environment steps per second of a run in full swing, turns of all brains included; a median.

    It is measured from the first turn of the last brain on, or from ``total_steps``.
    """
    from bnpo.presets import agent_of
    from bnpo.training import Trainer

    agent = agent_of(run)
    steps = max(brain.learning_delay for brain in agent.descriptions)  # a turn of every brain
    trainer = Trainer(agent, run.train, progress_bar=False)
    try:
        while agent.env_steps < run.train.total_steps and not all(
            brain.gradient_steps for brain in agent.brains
        ):
            trainer.step()
        speeds: list[float] = []
        begun = time.perf_counter()
        while len(speeds) < ROUNDS and (not speeds or time.perf_counter() - begun < SECONDS):
            started = time.perf_counter()
            for _ in range(steps):
                trainer.step()
            speeds.append(steps * run.train.num_envs / (time.perf_counter() - started))
        return statistics.median(speeds)
    finally:
        trainer.close()


COMMAND = Command(function=tune_threads, check=validated)
