"""Options of networks and brains that may save samples, each alone; prints a table.

    python benchmarks/samples.py point_maze            one option at a time, on seeds not reported
    python benchmarks/samples.py fetch_push --only "as in the race"

Judged as in learning.py, whose settings the first row has; what a row names is changed beside them.
Runs are appended to results/ one by one, and those that stand there are not run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from learning import RACES
from race import measure
from search import row

PROGRAM = "ddpg_her"
SEEDS = {"fetch_push": [100], "fetch_reach": [100, 101, 102, 103, 104]}
"""Seeds of a task; three of them where it is not named."""

_NORMALISED = ["agent.networks.layer_norm=True"]
_EVERY = ["brains.ddpg.actor_delay=1"]


def _repeat(steps: int) -> list[str]:
    return [f"brains.ddpg.learning_repeat={steps}"]


TRIED = {
    "fetch_reach": {
        "as in the race": [],
        "an actor's step with every critic's": _EVERY,
        "that, more steps": [*_EVERY, *_repeat(400)],
        "that, turns twice as often": [
            *_EVERY,
            *_repeat(200),
            "brains.ddpg.learning_delay=25",
            "agent.warmup_steps=600",
        ],
    },
    "fetch_push": {
        "as in the race": [],
        "more steps, normalised": [
            *_repeat(400),
            *_NORMALISED,
            "agent.networks.critics=2",
            "agent.networks.reduce='mean'",
        ],
    },
    "point_maze": {
        "as in the race": [],
        "critic normalised": _NORMALISED,
        "unbounded values": ["agent.target_bounds=None"],
        "goals that were pursued, too": [
            "brains.ddpg.credit.strategy={'future': 0.75, 'actual': 0.25}"
        ],
        "twice the steps": _repeat(600),
        "an actor's step with every critic's": _EVERY,
        "both": [*_NORMALISED, *_EVERY],
        "targets twice as slow": ["brains.ddpg.tau_actor=0.04", "brains.ddpg.tau_critic=0.04"],
        "learning rates of 2e-3": ["brains.ddpg.lr_actor=2e-3", "agent.lr_critic=2e-3"],
    },
}
"""Changes of the preset's settings, by race and name."""


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=list(TRIED))
    parser.add_argument("--only", nargs="+", help="names of rows; default: all")
    options = parser.parse_args()
    task = options.task
    learning = Path(__file__).with_name("learning.py")
    chosen = RACES[task]
    race = dataclasses.replace(
        chosen,
        results=f"{chosen.results}_samples",
        programs={PROGRAM: chosen.programs[PROGRAM]},
        peer=None,
    )
    seeds = SEEDS.get(task, [100, 101, 102])
    print("| changed | steps to solved, by seed | CPU seconds, by seed | median steps | median s |")
    print("|---|---|---|---|---|")
    for label in options.only or TRIED[task]:
        changed = TRIED[task][label]
        for seed in seeds:
            if (PROGRAM, seed) not in race.load(changed):
                print(f"{label}, seed {seed} ...", file=sys.stderr, flush=True)
                measure(str(learning), race, task, PROGRAM, seed, changed)
        print(row(race, PROGRAM, changed, seeds, label), flush=True)


if __name__ == "__main__":
    main()
