"""Neighbours of the settings of a race, on seeds that are not reported; prints a table.

    python benchmarks/search.py goal_reacher       one setting changed at a time, seeds 100-104
    python benchmarks/search.py fetch_reach

The first row has the settings of learning.py, every other one what it names changed. Each run ends
when it is solved. CPU seconds are those of whole processes, start and evaluation included. Runs are
appended to results/, and those that stand there are not run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from pathlib import Path

from learning import RACES
from race import Race, by_seed, measure, solved

SEEDS = [100, 101, 102, 103, 104]

BOTH = [
    ["brains.ddpg.learning_repeat=200"],
    ["brains.ddpg.learning_repeat=400"],
    ["brains.ddpg.lr_actor=3e-3", "agent.lr_critic=3e-3"],
    ["brains.ddpg.lr_actor=8e-3", "agent.lr_critic=8e-3"],
    ["brains.ddpg.tau_actor=0.05", "brains.ddpg.tau_critic=0.05"],
    ["brains.ddpg.tau_actor=0.12", "brains.ddpg.tau_critic=0.12"],
    ["brains.ddpg.actor_delay=1"],
    ["brains.ppo.lr_actor=3e-5"],
    ["brains.ppo.lr_actor=3e-4"],
    ["agent.networks.critics=1"],
]
"""Changes that are tried on every task."""

TRIED = {
    "goal_reacher": [
        *BOTH,
        ["agent.warmup_steps=400"],
        ["brains.ddpg.optim_batch_size=512"],
        ["brains.ddpg.learning_repeat=600"],
        ["brains.ddpg.learning_repeat=400", "brains.ddpg.lr_actor=8e-3", "agent.lr_critic=8e-3"],
        [
            "brains.ddpg.learning_repeat=400",
            "brains.ddpg.tau_actor=0.05",
            "brains.ddpg.tau_critic=0.05",
        ],
        ["brains.ddpg.learning_repeat=400", "agent.networks.critics=1"],
    ],
    "fetch_reach": [*BOTH, ["agent.warmup_steps=400"], ["brains.ddpg.learning_delay=25"]],
}
"""Changes of the first program's settings, by race."""


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=list(TRIED))
    task = parser.parse_args().task
    learning = Path(__file__).with_name("learning.py")
    chosen = RACES[task]
    name, program = next(iter(chosen.programs.items()))
    race = dataclasses.replace(
        chosen, results=f"{chosen.results}_search", programs={name: program}, peer=None
    )
    print("| changed | steps to solved, by seed | CPU seconds, by seed | median steps | median s |")
    print("|---|---|---|---|---|")
    for changed in ([], *TRIED[task]):
        for seed in SEEDS:
            if (name, seed) not in race.load(changed):
                print(f"{' '.join(changed)}, seed {seed} ...", file=sys.stderr, flush=True)
                measure(str(learning), race, task, name, seed, changed)
        print(row(race, name, changed, SEEDS, ", ".join(changed) or "nothing"), flush=True)


def row(race: Race, name: str, changed: list[str], seeds: list[int], label: str) -> str:
    """One line of the table."""
    results = race.load(changed)
    runs = [results[name, seed] for seed in seeds]
    points = [solved(run["curve"], race.threshold) for run in runs]
    steps = [point[0] if point else float("inf") for point in points]
    cpu = [run["cpu_s"] if point else float("inf") for run, point in zip(runs, points, strict=True)]
    cells = (
        label,
        by_seed(steps, "{:,}"),
        by_seed(cpu, "{:.1f}"),
        by_seed([statistics.median(steps)], "{:,.0f}"),
        by_seed([statistics.median(cpu)], "{:.1f}"),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
