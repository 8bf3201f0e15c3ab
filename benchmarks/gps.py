"""Guided policy search on the dense goal Reacher within 20,000 steps, and what each part is for.

    python benchmarks/gps.py                     run what is missing, print the table
    python benchmarks/gps.py --table             print what is there

The steps of the guiding samples count; the planner's own steps of the simulator do not. Variants of
the preset ``gps``:

* whole: as it is;
* fitted: nothing but the fit to the guiding samples, no turn;
* no states around: nothing but the fit, and that to the samples alone;
* no judgement: a worse policy is not given up for the best one so far;
* no adaptation: the weight w_r of log Z stays as it is;
* no guides: the policy learns from its own rollouts alone.

Judged by the mean action on 100 episodes. Planning is most of the time, and the same for all
variants of a seed, so that it is done once. Results are appended run by run to results/gps.jsonl;
what stands there for the settings of today is not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from raced import EARLIER
from records import fingerprint
from rules import figure

RESULTS = Path(__file__).parent / "results" / "gps.jsonl"
STEPS = 20_000

VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "fitted": {"learning_delay": 10**9},
    "no states around": {"learning_delay": 10**9, "guidance": {"around": 0, "fit_steps": 8_000}},
    "no judgement": {"rule": {"return_to_best": False}},
    "no adaptation": {"rule": {"log_z_factor": 1.0}},
    "no guides": {"rule": {"guidance": None}},
}
"""Fields of the brain over those of the preset."""


def settings(variant: str) -> dict[str, Any]:
    """Everything but the seed that decides a run."""
    from bnpo.compose.composition import compose

    run = {"total_steps": STEPS, "eval_interval": STEPS, "eval_episodes": 100}
    config = compose(["gps", "goal_reacher"], {**run, "env_kwargs": {"reward_type": "dense"}})
    brain, own = config["brains"]["gps"], dict(VARIANTS[variant])
    rule = {**brain["rule"], **own.pop("rule", {})}
    if "guidance" in own:
        rule["guidance"] = {**rule["guidance"], **own.pop("guidance")}
    brain.update(own, rule=rule)
    return config


def plan_once() -> None:
    """Let all variants of a seed share their plans."""
    from bnpo.planning import guiding

    plan = guiding.plan_guides
    kept: dict[int, Any] = {}

    def planned(*args: Any) -> Any:
        seed = int(args[-1])
        if seed not in kept:
            kept.clear()
            kept[seed] = plan(*args)
        return kept[seed]

    guiding.plan_guides = planned  # type: ignore[assignment]


@cache
def label(variant: str) -> str:
    """Short name of a variant's settings: results of other settings do not count."""
    return fingerprint(settings(variant))


def run(variant: str, seed: int) -> dict[str, Any]:
    """Train a variant; return what its policy reaches."""
    from bnpo import Trainer
    from bnpo.presets import build_agent, build_train_config

    config = settings(variant) | {"seed": seed}
    started = time.process_time()
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    record = trainer.run()[-1]
    trainer.close()
    return {
        "env_steps": record.env_steps,
        "success": record.success_rate,
        "return": round(record.mean_return, 4),
        "gradient_steps": record.gradient_steps,
        "cpu_s": round(time.process_time() - started, 1),
    }


def rows_of(results: Path) -> list[dict[str, Any]]:
    """Return all that is on record, in order of time."""
    rows = results.read_text("utf-8").splitlines() if results.exists() else []
    return [row for row in map(json.loads, rows) if row["variant"] in VARIANTS]


def load(results: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Newest result of every variant and seed under the settings of today."""
    return {
        (row["variant"], row["seed"]): row
        for row in rows_of(results)
        if row["settings"] == label(row["variant"])
    }


def lines(results: Path = RESULTS) -> Iterator[str]:
    """Markdown table: success and return of every variant, under its newest settings."""
    newest = {row["variant"]: row["settings"] for row in rows_of(results)}
    yield "| variant of `gps` | seeds | success | return |"
    yield "|---|---|---|---|"
    for variant in VARIANTS:
        settings = newest.get(variant, "")
        last = {
            row["seed"]: row
            for row in rows_of(results)
            if (row["variant"], row["settings"]) == (variant, settings) and row["seed"] < 100
        }
        if last:
            success = figure([row["success"] for row in last.values()], "{:.2f}")
            returns = figure([row["return"] for row in last.values()], "{:.2f}")
            earlier = "" if settings == label(variant) else EARLIER
            yield f"| {variant}{earlier} | {len(last)} | {success} | {returns} |"


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--table", action="store_true", help="run nothing, print the table")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of the results")
    options = parser.parse_args()
    if not options.table:
        plan_once()
        done = load(options.results)
        for seed in options.seeds:
            for variant in options.variants:
                if (variant, seed) in done:
                    continue
                row = {"variant": variant, "seed": seed, "settings": label(variant)}
                row |= run(variant, seed)
                print(row, file=sys.stderr, flush=True)
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    print("\n".join(lines(options.results)))


if __name__ == "__main__":
    main()
