"""CPU seconds of PPO for 8,000 steps of Reacher-v5, beside a lean loop of the same sizes.

    python benchmarks/ppo_cost.py

All: 16 environments, rollouts of 400, 13 epochs of 4 minibatches of 100, two layers of 64 units,
one core. Ours is the preset ``ppo`` with its steps compiled, and with its steps one by one. They
alternate in rounds; medians of rounds are printed. Nothing is said about how well they learn.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Literal

import lean_ppo
from medians import compared, leave, show

STEPS, ROUNDS = 8_000, 5
SIZES = {"envs": 16, "rollout": 25, "epochs": 13, "minibatches": 4}


def ours(mode: Literal["on", "off"]) -> Callable[[], float]:
    """Return what trains the preset for so many steps more, and how long it took."""
    from bnpo.compose.composition import compose
    from bnpo.presets import build_agent, build_train_config
    from bnpo.training import Trainer

    config = compose(["ppo", "reacher_v5"], {"agent.compile": mode, "total_steps": 10**9})
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)

    def run() -> float:
        started = time.process_time()
        for _ in range(STEPS // SIZES["envs"]):
            trainer.step()
        return time.process_time() - started

    return run


def lean() -> float:
    """Train the lean loop for so many steps; return how long it took."""
    settings = lean_ppo.SETTINGS | SIZES
    (point,) = lean_ppo.train("Reacher-v5", 0, STEPS, STEPS, lambda _: 0.0, bool, settings)
    return point[1]


def main() -> None:
    """Print a table and leave it."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])  # no worker processes
    programs = {"compiled": ours("on"), "one by one": ours("off"), "lean": lean}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for run in programs.values():
        run()
    for _ in range(ROUNDS):
        for name, run in programs.items():
            seconds[name].append(run())
    rate = {name: STEPS / statistics.median(found) for name, found in seconds.items()}
    medians = [
        compared(
            f"ppo on Reacher-v5, steps {form}, environment and all",
            rate[form],
            "lean loop of PyTorch",
            rate["lean"],
            "steps/CPU s",
            asked,
        )
        for form, asked in (("compiled", ">= 1.3"), ("one by one", ""))
    ]
    show(medians)
    leave("ppo_cost", medians)


if __name__ == "__main__":
    main()
