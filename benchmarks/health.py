"""Which presets warn of their own health on the tasks that they are meant for.

    python benchmarks/health.py                        run what is missing, list the warnings
    python benchmarks/health.py --presets ipg --tasks moving_reacher --seeds 100 101
    python benchmarks/health.py --table                run nothing, list the warnings

A preset is meant for the two tasks of this package on which all of them are compared, and for those
that it has settings of its own for; shifted goals for goals that move, self-play for the rink. Each
run passes the warm-up of all of its brains by as many turns again, and is looked at ten times: more
often than a user's run is.
Results are appended run by run to results/health.jsonl; what stands there for the settings of today
is not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from records import fingerprint

RESULTS = Path(__file__).parent / "results" / "health.jsonl"
LOOKS = 10
TURNS = 20
"""Turns of each brain at least, of which the first ten are its warm-up."""

STEPS = {
    "goal_reacher": 20_000,
    "moving_reacher": 40_000,
    "reacher_v5": 40_000,
    "fetch_reach": 10_000,
    "hockey_reacher": 64_000,
}
"""Environment steps by task, at least: a quarter of an hour for all runs together."""


def tasks_of(preset: str) -> list[str]:
    """Return the tasks that a preset is meant for, of those that are learnt within minutes.

    The first is its own.
    """
    from bnpo.presets import PRESETS, TUNED

    if "opponents" in PRESETS[preset]:
        return ["hockey_reacher"]
    if "shift" in preset:
        return ["moving_reacher"]
    own = [task for name, task in TUNED if name == preset and task in STEPS]
    return list(dict.fromkeys(["goal_reacher", "moving_reacher", *own]))


def settings(preset: str, task: str) -> dict[str, Any]:
    """Everything but the seed that decides a run."""
    from bnpo.compose.composition import compose

    config = compose([preset, task], {"eval_episodes": 1, "video": "off"})
    delay = max(brain["learning_delay"] for brain in config["brains"].values())
    steps = max(STEPS[task], TURNS * delay * config["num_envs"])
    return {**config, "total_steps": steps, "eval_interval": steps // LOOKS}


def run(preset: str, task: str, seed: int) -> dict[str, Any]:
    """Train a preset on a task; return what it warned of."""
    from bnpo import Trainer
    from bnpo.presets import agent_of, read_config

    started = time.process_time()
    config = read_config(settings(preset, task) | {"seed": seed})
    trainer = Trainer(agent_of(config), config.train, progress_bar=False)
    try:
        trainer.run()
    finally:
        trainer.close()
    return {
        "warnings": trainer.tally.monitor.complaints(),
        "figures": trainer.history[-1].brains,
        "cpu_s": round(time.process_time() - started, 1),
    }


def load(results: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Newest result of every preset, task and seed under the settings of today."""
    from bnpo.presets import PRESETS

    rows = (
        [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    )
    names = {
        (preset, task): fingerprint(settings(preset, task))
        for preset in PRESETS
        for task in tasks_of(preset)
    }
    return {
        (row["preset"], row["task"], row["seed"]): row
        for row in rows
        if row["settings"] == names.get((row["preset"], row["task"]))
    }


def parse() -> argparse.Namespace:
    """Command line."""
    from bnpo.presets import PRESETS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=[*PRESETS], choices=PRESETS)
    parser.add_argument("--tasks", nargs="+", default=[*STEPS], choices=STEPS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--table", action="store_true", help="run nothing, list the warnings")
    return parser.parse_args()


def main() -> None:
    """Run what is missing and list the warnings."""
    options = parse()
    done = load(RESULTS)
    wanted = [
        (preset, task, seed)
        for seed in options.seeds
        for task in options.tasks
        for preset in options.presets
        if task in tasks_of(preset)
    ]
    for preset, task, seed in [] if options.table else wanted:
        if (preset, task, seed) in done:
            continue
        print(f"{preset}, {task}, seed {seed} ...", file=sys.stderr, flush=True)
        row = {"preset": preset, "task": task, "seed": seed}
        row |= {"settings": fingerprint(settings(preset, task))}
        row |= run(preset, task, seed)
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
        done[preset, task, seed] = row
    rows = [done[key] for key in wanted if key in done]
    for row in rows:
        for warning in row["warnings"]:
            print(f"{row['preset']}, {row['task']}, seed {row['seed']}: {warning}")
    ill = sum(bool(row["warnings"]) for row in rows)
    print(f"{ill} of {len(rows)} runs warned")


if __name__ == "__main__":
    main()
