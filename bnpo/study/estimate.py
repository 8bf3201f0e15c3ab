"""How long runs will take: a second of each kind, measured."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bnpo.config import RunConfig
from bnpo.presets import agent_of
from bnpo.training import Trainer

__all__ = ["about", "estimated_seconds", "steps_per_s"]

SECONDS = 2.0
"""Time of the measurement of one configuration (seconds)."""

_FEWEST_STEPS = 20_000
"""Environment steps of all runs together below which the measurement would take longer."""

_MOST_KINDS = 6
"""Configurations that are measured; others are taken to be as fast as these on average."""


def estimated_seconds(runs: Sequence[RunConfig], workers: int) -> float | None:
    """Return about how long runs will train on so many processes; None where it is not worth it.

    Each configuration, whatever its seed, is trained for :data:`SECONDS`, from the first turns of
    its brains on where these come in time. Evaluations, films and starts come on top.

    Args:
        runs: to be made
        workers: processes at a time

    """
    if sum(run.train.total_steps for run in runs) < _FEWEST_STEPS:
        return None
    kinds: list[RunConfig] = []
    for run in runs:
        alike = run.with_seed(0)
        if alike not in kinds:
            kinds.append(alike)
    speeds = [steps_per_s(kind) for kind in kinds[:_MOST_KINDS]]
    usual = len(speeds) / sum(1 / speed for speed in speeds)
    by_kind = dict(zip(range(len(kinds)), speeds, strict=False))
    seconds = [
        run.train.total_steps / by_kind.get(kinds.index(run.with_seed(0)), usual) for run in runs
    ]
    return max(sum(seconds) / min(workers, len(runs)), *seconds)


def about(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"about {max(seconds, 1):.0f} s"
    if seconds < 5_400:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3_600:.1f} h"


def steps_per_s(run: RunConfig) -> float:
    """Environment steps per second, learning included where brains learn within the time."""
    trainer = Trainer(agent_of(run), run.train, progress_bar=False)
    agent = trainer.agent
    try:
        begun = started = time.perf_counter()
        before = 0
        while (now := time.perf_counter()) - begun < SECONDS:
            learns = all(brain.gradient_steps for brain in agent.brains)
            if not learns and now - begun < SECONDS / 2:
                started, before = now, agent.env_steps
            trainer.step()
        return max(agent.env_steps - before, 1) / (time.perf_counter() - started)
    finally:
        trainer.close()
