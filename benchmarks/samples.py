"""Options of networks and brains that may save samples, each alone; prints a table.

    python benchmarks/samples.py point_maze            one option at a time, on seeds not reported
    python benchmarks/samples.py fetch_push --only "more steps, normalised"

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

_TWICE = ["brains.ddpg.learning_repeat=400"]
_NORMALISED = ["agent.networks.layer_norm=True"]

SEEDS = {"fetch_push": [100]}
"""Seeds of a task whose runs are long; three seeds where it is not named."""

TRIED = {
    "fetch_push": {
        "as in the race": [],
        "more steps, normalised": [
            *_TWICE,
            *_NORMALISED,
            "agent.networks.critics=2",
            "agent.networks.reduce='mean'",
        ],
    },
}
"""Changes of the first program's settings, by race and name."""


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
    name, program = next(iter(chosen.programs.items()))
    race = dataclasses.replace(
        chosen, results=f"{chosen.results}_samples", programs={name: program}, peer=None
    )
    seeds = SEEDS.get(task, [100, 101, 102])
    print("| changed | steps to solved, by seed | CPU seconds, by seed | median steps | median s |")
    print("|---|---|---|---|---|")
    for label in options.only or TRIED[task]:
        changed = TRIED[task][label]
        for seed in seeds:
            if (name, seed) not in race.load(changed):
                print(f"{label}, seed {seed} ...", file=sys.stderr, flush=True)
                measure(str(learning), race, task, name, seed, changed)
        print(row(race, name, changed, seeds, label), flush=True)


if __name__ == "__main__":
    main()
