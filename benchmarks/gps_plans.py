"""How the first guess of the planner decides what its plans are like, on the dense goal Reacher.

    python benchmarks/gps_plans.py             run what is missing, print the table
    python benchmarks/gps_plans.py --table     print what is there

The guess is the same action at every step, of a size in units of half the range. A plan is as good
as its last distance to the target, its mean distance over all steps, and how far the shoulder
turned on the way: an arm that was pushed round keeps turning. 24 plans with the options of the
preset ``gps`` on each of the seeds 100-102. Rows are appended to results/gps_plans.jsonl.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

RESULTS = Path(__file__).parent / "results" / "gps_plans.jsonl"
GUESSES = (0.2, 0.1, 0.05, 0.01)
SEEDS = (100, 101, 102)
PLANS, STEPS = 24, 50
NEAR = 0.02
"""Distance at the end within which a plan arrives (metres)."""


def run(guess: float, seed: int) -> dict[str, float]:
    """Plan from one size of the guess; return means over plans."""
    import numpy as np

    from bnpo import seeding
    from bnpo.brains import Guidance
    from bnpo.envs import make_vector_env
    from bnpo.planning.env_dynamics import EnvDynamics
    from bnpo.planning.guiding import plan_guides

    def make(count: int) -> Any:
        kwargs = {"reward_type": "dense"}
        return make_vector_env("bnpo/GoalReacher-v0", count, threads=0, **kwargs).unwrapped

    env, dynamics = make(PLANS), EnvDynamics(make)
    first, second = seeding.derived(seed, seeding.GUIDES, count=2)
    env.reset(seed=first)
    start = dynamics.read(env)
    goals = np.repeat(env.observe()["desired_goal"][:, None], STEPS, 1)
    plans = plan_guides(dynamics, start, goals, Guidance(plans=PLANS, guess=guess), second)
    env.close()
    dynamics.close()
    distance = np.linalg.norm(plans.output - goals, axis=2)
    return {
        "arrived": float((distance[:, -1] <= NEAR).mean()),
        "distance": round(float(distance.mean()), 4),
        "turned": round(float(np.abs(plans.state[:, -1, 1] - start[:, 1]).mean()), 2),
    }


def load(results: Path = RESULTS) -> dict[tuple[float, int], dict[str, Any]]:
    """Return the rows by guess and seed."""
    rows = results.read_text("utf-8").splitlines() if results.exists() else []
    return {(row["guess"], row["seed"]): row for row in map(json.loads, rows)}


def lines(results: Path = RESULTS) -> Iterator[str]:
    """Markdown table: means over seeds, by the size of the guess."""
    rows = load(results)
    if not rows:
        yield "No run is on record yet."
        return
    yield "| first guess | seeds | plans that arrive | mean distance, m | shoulder turns, rad |"
    yield "|---|---|---|---|---|"
    for guess in GUESSES:
        some = [row for (size, _), row in sorted(rows.items()) if size == guess]
        if some:
            arrived, away, turned = (
                fmean(row[key] for row in some) for key in ("arrived", "distance", "turned")
            )
            yield f"| {guess:g} | {len(some)} | {arrived:.2f} | {away:.3f} | {turned:.1f} |"


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="run nothing, print the table")
    options = parser.parse_args()
    for seed in () if options.table else SEEDS:
        for guess in GUESSES:
            if (guess, seed) not in load():
                row = {"guess": guess, "seed": seed, **run(guess, seed)}
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    print("\n".join(lines()))


if __name__ == "__main__":
    main()
