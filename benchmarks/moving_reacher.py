"""Twenty arms that follow moving spheres: BPO beside the original's figures.

    python benchmarks/moving_reacher.py                run what is missing, print the table
    python benchmarks/moving_reacher.py --seeds 0 1 2 3 4

Training episodes are cut to 60 decisions. The mean action is judged on 100 full episodes of 1,000
decisions on fixed seeds, every 10,000 arm-steps. *Reached* is the first evaluation with a mean
score of 30, *solved* the first of two in a row. Seconds are training without evaluation, in one
thread.
Results are appended run by run to results/moving_reacher.jsonl.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from records import fingerprint

RESULTS = Path(__file__).parent / "results" / "moving_reacher.jsonl"
SCORE = 30.0
SETTINGS: dict[str, Any] = {
    "total_steps": 400_000,
    "eval_interval": 10_000,
    "eval_episodes": 100,
    "stop_when_solved": True,
}
PROGRAM = "bpo"
ORIGINAL = """\
| BPO with importance resampling (original, Unity build, one seed) | 383,000 | 4,775 |
| BPO without it (original) | 407,000 | 3,860 |
| PPO with floating step (original) | 727,000 | 16,345 |
| PPO (original) | 1,230,000 | 51,348 |
| DDPG (original) | 1,460,000 | 26,200 |"""


def configuration() -> dict[str, Any]:
    """Everything but the seed that decides what the preset reaches."""
    from bnpo.compose.composition import compose

    return compose([PROGRAM, "moving_reacher"], SETTINGS)


def run(seed: int) -> list[tuple[int, float, float]]:
    """Train one seed; return arm-steps, seconds and mean score of every evaluation."""
    from bnpo import Trainer
    from bnpo.presets import build_agent, build_train_config

    config = configuration() | {"seed": seed}
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    try:
        history = trainer.run()
    finally:
        trainer.close()
    return [(r.env_steps, round(r.wall_s, 2), round(r.mean_score or 0.0, 3)) for r in history]


def load() -> dict[int, dict[str, Any]]:
    """Results by seed of the settings of today."""
    if not RESULTS.exists():
        return {}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    today = fingerprint(configuration())
    return {row["seed"]: row for row in rows if row["settings"] == today}


def table(curves: dict[int, Any]) -> str:
    """Markdown table: where the score reached 30, with the original's figures below."""
    lines = ["| run | arm-steps to mean score 30 | training seconds |", "|---|---|---|"]
    reached = []
    for seed, curve in sorted(curves.items()):
        point = next(((steps, s) for steps, s, score in curve if score >= SCORE), None)
        if point is None:
            lines.append(f"| bpo, seed {seed} | not by {curve[-1][0]:,} | {curve[-1][1]:.0f} |")
            continue
        reached.append(point)
        lines.append(f"| bpo, seed {seed} | {point[0]:,} | {point[1]:.0f} |")
    if reached:
        steps, seconds = (statistics.median(column) for column in zip(*reached, strict=True))
        lines.append(f"| **bpo, median** | **{steps:,.0f}** | **{seconds:.0f}** |")
    return "\n".join([*lines, ORIGINAL])


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.seeds[0])))
        return
    for seed in options.seeds:
        if seed in load():
            continue
        print(f"seed {seed} ...", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, "--one", "--seeds", str(seed)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        RESULTS.parent.mkdir(exist_ok=True)
        row = {
            "program": PROGRAM,
            "seed": seed,
            "settings": fingerprint(configuration()),
            "curve": json.loads(out.splitlines()[-1]),
        }
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
    print(table({seed: row["curve"] for seed, row in load().items() if seed in options.seeds}))


if __name__ == "__main__":
    main()
