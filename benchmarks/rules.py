"""Every learning rule on the goal Reacher, at equal environment steps within each task.

    python benchmarks/rules.py                        run what is missing, print the table
    python benchmarks/rules.py --presets ppo trpo --seeds 0 1 --steps 20000 --jobs 2

Rules with hindsight learn from the sparse reward, for 25,000 steps; the others from the dense one
(minus the distance, metres), for 100,000; those of them that take one actor step for each rollout
learn on 64 environments, for 500,000; rules with shifting goals learn on the moving Reacher, for
200,000, where the policy is then also evaluated with the goal at rest. A run is judged by the mean
action on the same evaluation episodes: success at the last step, undiscounted return. Seconds are
CPU time of training (planning included) without evaluation, one thread, which other work on the
machine distorts less than the wall clock; that is recorded beside it.

Results are appended run by run to results/rules.jsonl; what stands there for today's settings is
not run again. How the settings of vpg_*, a2c*, npg, is_return and gps were chosen, on seeds 100 and
101, is in results/rules_search.jsonl: changes to the presets of that time, and what they reached.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

from records import fingerprint

RESULTS = Path(__file__).parent / "results" / "rules.jsonl"
STEPS = 25_000
TIMES = {"sparse": 1, "dense": 4, "dense, 64": 20, "moving": 8}
"""Times as many steps by task: a rule without replay needs more of them and little time for each,
one actor step for each rollout of 64 environments most of all, and the moving Reacher's twenty arms
find the sparse reward late."""
EVALUATIONS = 5
_APPENDING = Lock()

DENSE: dict[str, Any] = {"env_kwargs": {"reward_type": "dense"}}
SPARSE: dict[str, Any] = {"env_kwargs": {"reward_type": "sparse"}}
STATIC: dict[str, Any] = {"goal_speed": 0.0}
"""Settings of the moving Reacher under which the goal rests."""


def task_of(preset: str) -> tuple[str, str, dict[str, Any]]:
    """Title, named task and settings on which a preset is measured."""
    if "shift" in preset:
        return "moving", "moving_reacher", {}
    if preset.endswith("_her") or preset.startswith(("bpo", "bnpo", "rewheeler")):
        return "sparse", "goal_reacher", SPARSE
    if preset.startswith(("vpg", "a2c", "npg", "is_return")):
        return "dense, 64", "goal_reacher", DENSE
    return "dense", "goal_reacher", DENSE


def updates(preset: str, steps: int) -> dict[str, Any]:
    """What this file says about a run, over preset and task."""
    title, _, own = task_of(preset)
    steps *= TIMES[title]
    run = {"total_steps": steps, "eval_interval": max(steps // EVALUATIONS, 1)}
    return {**run, "eval_episodes": 100, **own}


def settings(preset: str, steps: int) -> dict[str, Any]:
    """Everything but the seed that decides a run."""
    from bnpo.compose.composition import compose

    return compose([preset, task_of(preset)[1]], updates(preset, steps))


def run(preset: str, seed: int, steps: int) -> dict[str, Any]:
    """Train a preset on its task and evaluate it."""
    from timed import TimedTrainer

    from bnpo import evaluate
    from bnpo.presets import build_agent, build_train_config

    config = settings(preset, steps) | {"seed": seed}
    agent = build_agent(config)
    started = time.process_time()
    trainer = TimedTrainer(agent, build_train_config(config), progress_bar=False)
    trainer.cpu_s = time.process_time() - started
    curve: list[dict[str, Any]] = []
    trainer.run(lambda record: curve.append(point(record, trainer.cpu_s)))
    trainer.close()
    learnt = {"gradient_steps": agent.gradient_steps, "curve": curve}
    if task_of(preset)[0] == "moving":
        agent.env_kwargs |= STATIC
        learnt["at_rest"] = evaluate(agent, 100).success_rate
    return learnt


def point(record: Any, cpu_s: float) -> dict[str, Any]:
    """One point of the learning curve."""
    return {
        "env_steps": record.env_steps,
        "cpu_s": round(cpu_s, 3),
        "wall_s": round(record.wall_s, 3),
        "success": record.success_rate,
        "return": round(record.mean_return, 4),
    }


def measure(preset: str, seed: int, steps: int, results: Path) -> None:
    """Run one preset with one seed in a process of its own and append what it found."""
    print(f"{preset}, seed {seed} ...", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--one", preset, "--seeds", str(seed)]
    command += ["--steps", str(steps)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"{preset}, seed {seed} failed:\n{done.stderr}", file=sys.stderr, flush=True)
        return
    results.parent.mkdir(exist_ok=True)
    with _APPENDING, results.open("a") as file:
        file.write(done.stdout.splitlines()[-1] + "\n")


def load(presets: list[str], steps: int, results: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Newest result of every preset and seed under the settings of today."""
    if not results.exists():
        return {}
    names = {preset: fingerprint(settings(preset, steps)) for preset in presets}
    rows = [json.loads(line) for line in results.read_text().splitlines()]
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


def lines(presets: list[str], seeds: list[int], found: dict[Any, Any]) -> Iterator[str]:
    """Markdown table: success, return and seconds of every preset."""
    yield "| preset | task | seeds | success | return | CPU seconds | success at rest |"
    yield "|---|---|---|---|---|---|---|"
    for preset in presets:
        rows = [found[preset, seed] for seed in seeds if (preset, seed) in found]
        if not rows:
            continue
        last = [row["curve"][-1] for row in rows]
        columns = [
            figure([point["success"] for point in last], "{:.2f}"),
            figure([point["return"] for point in last], "{:.2f}"),
            figure([point["cpu_s"] for point in last], "{:.1f}"),
        ]
        rest = [row["at_rest"] for row in rows if "at_rest" in row]
        columns.append(figure(rest, "{:.2f}") if rest else "")
        title = task_of(preset)[0]
        yield f"| `{preset}` | {title} | {len(rows)} | {' | '.join(columns)} |"


def parse() -> argparse.Namespace:
    """Command line."""
    from bnpo.presets import PRESETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    presets = [name for name, one in PRESETS.items() if "opponents" not in one]  # one side alone
    parser.add_argument("--presets", nargs="+", default=presets, choices=presets)
    parser.add_argument("--steps", type=int, default=STEPS, help="dense 4, moving 8 times that")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--fresh", action="store_true", help="run again what has a result")
    parser.add_argument("--table", action="store_true", help="run nothing, print the table")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of the results")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Run what is missing and print the table."""
    options = parse()
    steps = options.steps
    if options.one:
        seed, name = options.seeds[0], fingerprint(settings(options.one, steps))
        labels = {"preset": options.one, "seed": seed, "settings": name}
        print(json.dumps(labels | run(options.one, seed, steps)))
        return
    done = {} if options.fresh else load(options.presets, steps, options.results)
    missing = [(p, s) for s in options.seeds for p in options.presets if (p, s) not in done]
    if not options.table:
        with ThreadPoolExecutor(options.jobs) as pool:
            work = [pool.submit(measure, *key, steps, options.results) for key in missing]
            for each in work:
                each.result()
    results = load(options.presets, steps, options.results)
    print("\n".join(lines(options.presets, options.seeds, results)))


if __name__ == "__main__":
    main()
