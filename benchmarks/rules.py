"""Every learning rule on the goal Reacher, at equal environment steps.

    python benchmarks/rules.py                        run what is missing, print the table
    python benchmarks/rules.py --presets ppo trpo --seeds 0 1 --steps 20000

Likelihood-ratio rules learn from the dense reward (minus the distance, metres), rules with
hindsight from the sparse one, and the rules with shifting goals on the moving Reacher, of which the
policy is then also evaluated where the goal rests. A run is judged by the mean action on the same
evaluation episodes: success at the last step, undiscounted return. Seconds are training without
evaluation, one thread. Results are appended run by run to results/rules.jsonl; what stands there
for today's settings is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "rules.jsonl"

DENSE: dict[str, Any] = {"env_kwargs": {"reward_type": "dense"}}
SPARSE: dict[str, Any] = {"env_kwargs": {"reward_type": "sparse"}}
STATIC: dict[str, Any] = {"goal_speed": 0.0}
"""Settings of the moving Reacher under which the goal rests."""


def task_of(preset: str) -> tuple[str, str, dict[str, Any]]:
    """Title, named task and settings on which a preset is measured."""
    if "shift" in preset:
        return "moving", "moving_reacher", {}
    if preset == "ddpg_her" or preset.startswith(("bpo", "bnpo")):
        return "sparse", "goal_reacher", SPARSE
    return "dense", "goal_reacher", DENSE


def settings(preset: str, steps: int) -> dict[str, Any]:
    """Everything but the seed that decides a preset's result."""
    from bnpo.experiment.composition import compose

    _, task, own = task_of(preset)
    run = {"total_steps": steps, "eval_interval": max(steps // 10, 1), "eval_episodes": 100}
    return compose([preset, task], {**run, **own})


def fingerprint(preset: str, steps: int) -> str:
    """Short name of the settings: results of other settings do not count."""
    text = json.dumps(settings(preset, steps), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run(preset: str, seed: int, steps: int) -> dict[str, Any]:
    """Train a preset on its task and evaluate it."""
    from bnpo import Trainer, evaluate
    from bnpo.presets import build_agent, build_train_config

    config = settings(preset, steps) | {"seed": seed}
    agent = build_agent(config)
    trainer = Trainer(agent, build_train_config(config), progress_bar=False)
    history = trainer.run()
    trainer.close()
    curve = [
        (r.env_steps, round(r.wall_s, 3), r.success_rate, round(r.mean_return, 4)) for r in history
    ]
    found = {"gradient_steps": agent.gradient_steps, "curve": curve}
    if task_of(preset)[0] == "moving":
        agent.env_kwargs |= STATIC
        found["at_rest"] = evaluate(agent, 100).success_rate
    return found


def measure(preset: str, seed: int, steps: int) -> None:
    """Run one preset with one seed in a process of its own and append what it found."""
    command = [sys.executable, __file__, "--one", preset, "--seeds", str(seed)]
    command += ["--steps", str(steps)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(out.splitlines()[-1] + "\n")


def load(presets: list[str], steps: int) -> dict[tuple[str, int], dict[str, Any]]:
    """Newest result of every preset and seed under the settings of today."""
    if not RESULTS.exists():
        return {}
    names = {preset: fingerprint(preset, steps) for preset in presets}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {
        (row["preset"], row["seed"]): row
        for row in rows
        if row["settings"] == names.get(row["preset"])
    }


def figure(values: list[float], form: str) -> str:
    """Interquartile mean of the runs with its bootstrap interval of 95 %."""
    import numpy as np

    from bnpo.study.statistics import interquartile_mean

    if len(values) < 2:
        return form.format(values[0])
    band = interquartile_mean([np.asarray(values)])
    value, low, high = (form.format(float(np.squeeze(part))) for part in band)
    return f"{value} [{low}, {high}]"


def lines(presets: list[str], seeds: list[int], steps: int) -> Iterator[str]:
    """Markdown table: success, return and seconds of every preset."""
    found = load(presets, steps)
    yield "| preset | task | seeds | success | return | seconds | at rest |"
    yield "|---|---|---|---|---|---|---|"
    for preset in presets:
        rows = [found[preset, seed] for seed in seeds if (preset, seed) in found]
        if not rows:
            continue
        last = [row["curve"][-1] for row in rows]
        columns = [
            figure([point[2] for point in last], "{:.2f}"),
            figure([point[3] for point in last], "{:.2f}"),
            figure([point[1] for point in last], "{:.1f}"),
        ]
        rest = [row["at_rest"] for row in rows if "at_rest" in row]
        columns.append(figure(rest, "{:.2f}") if rest else "")
        title = task_of(preset)[0]
        yield f"| {preset} | {title} | {len(rows)} | {' | '.join(columns)} |"


def main() -> None:
    """Run what is missing and print the table."""
    from bnpo.presets import PRESETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--steps", type=int, default=40_000, help="environment steps of a run")
    parser.add_argument("--fresh", action="store_true", help="run again what has a result")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        seed, name = options.seeds[0], fingerprint(options.one, options.steps)
        labels = {"preset": options.one, "seed": seed, "settings": name}
        print(json.dumps(labels | run(options.one, seed, options.steps)))
        return
    done = {} if options.fresh else load(options.presets, options.steps)
    for seed in options.seeds:
        for preset in options.presets:
            if (preset, seed) not in done:
                print(f"{preset}, seed {seed} ...", file=sys.stderr, flush=True)
                measure(preset, seed, options.steps)
    print("\n".join(lines(options.presets, options.seeds, options.steps)))


if __name__ == "__main__":
    main()
