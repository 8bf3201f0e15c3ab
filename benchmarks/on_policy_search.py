"""Neighbours of the settings of likelihood-ratio presets, on seeds that are not reported.

    python benchmarks/on_policy_search.py trpo reacher_v5          run what is missing
    python benchmarks/on_policy_search.py trpo reacher_v5 --table

A row has the preset's settings of today with what it names changed; each run is that of
on_policy_peers.py on its task. Runs are appended to results/on_policy_search.jsonl, and
those that stand there are not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from on_policy_peers import INTERVAL, STEPS, TASKS, run_bnpo
from records import fingerprint
from rules import figure

RESULTS = Path(__file__).parent / "results" / "on_policy_search.jsonl"
SEEDS = [100, 101, 102]

Changes = Mapping[str, Any]

TRIED: dict[tuple[str, str], list[Changes]] = {
    ("trpo", "reacher_v5"): [
        {"agent.networks.sigma_init": 0.5},
        {"agent.gamma": 0.95, "agent.networks.sigma_init": 0.5},
        {"agent.networks.sigma_init": 0.2},
        {"agent.networks.input_gain": 1.5, "agent.networks.sigma_init": 0.5},
        {"agent.gamma": 0.95, "agent.networks.sigma_init": 0.2},
        {"agent.networks.input_gain": 1.5, "agent.networks.sigma_init": 0.2},
    ],
}
"""Changes by preset and task."""


def settings(preset: str, task: str, changes: Changes) -> dict[str, Any]:
    """Everything but the seed that decides a run."""
    from bnpo.compose.composition import compose

    run = {"total_steps": STEPS, "eval_interval": INTERVAL, "eval_episodes": 100}
    return compose([preset, task], {**run, **TASKS[task], **changes})


def load(results: Path) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Return the curves by settings and seed."""
    rows = results.read_text("utf-8").splitlines() if results.exists() else []
    return {(row["settings"], row["seed"]): row["curve"] for row in map(json.loads, rows)}


def lines(preset: str, task: str, results: Path = RESULTS) -> Iterator[str]:
    """Markdown table: what every change reached, over all seeds on record."""
    curves = load(results)
    yield "| changed | seeds | success | return | CPU seconds |"
    yield "|---|---|---|---|---|"
    for changes in TRIED[preset, task]:
        name = fingerprint(settings(preset, task, changes))
        last = [curve[-1] for (of, _), curve in sorted(curves.items()) if of == name]
        if not last:
            continue
        cells = [
            "" if last[0][key] is None else figure([point[key] for point in last], form)
            for key, form in (("success", "{:.2f}"), ("return", "{:.2f}"), ("cpu_s", "{:.1f}"))
        ]
        said = ", ".join(f"`{key}={value}`" for key, value in changes.items()) or "nothing"
        yield f"| {said} | {len(last)} | {' | '.join(cells)} |"


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset", choices=sorted({preset for preset, _ in TRIED}))
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--table", action="store_true", help="run nothing, print the table")
    options = parser.parse_args()
    preset, task = options.preset, options.task
    for changes in [] if options.table else TRIED[preset, task]:
        config = settings(preset, task, changes)
        name = fingerprint(config)
        for seed in options.seeds:
            if (name, seed) in load(RESULTS):
                continue
            print(f"{changes}, seed {seed} ...", file=sys.stderr, flush=True)
            labels = {"preset": preset, "task": task, "seed": seed, "changes": dict(changes)}
            row = labels | {"settings": name, "curve": run_bnpo(config | {"seed": seed})}
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    print("\n".join(lines(preset, task)))


if __name__ == "__main__":
    main()
