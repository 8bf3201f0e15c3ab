"""A study on all cores against the same runs one after the other; prints a Markdown table.

Both are made of the same processes of one thread each, so that what is compared is the scheduling
alone. ``--check`` fails unless all runs find the same numbers and the speed-up reaches the bar.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bnpo.runs import load_summary
from bnpo.study import Study
from bnpo.study.processes import available_cores

BAR = 1.8
"""Speed-up on two cores."""

PRESETS = ["bpo", "ddpg_her", "ppo"]
TASKS = ["goal_reacher", "fetch_reach"]


def main() -> int:
    """Measure and print; return 1 where a check fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5_000, help="environment steps of a run")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    plan = {
        "presets": given.presets,
        "tasks": given.tasks,
        "seeds": given.seeds,
        "overrides": {"total_steps": given.steps, "eval_episodes": 20},
    }
    place = Path(tempfile.mkdtemp(prefix="bnpo-study-"))
    try:
        single, alone = measure(plan, place / "alone", 1)
        study, together = measure(plan, place / "together", given.workers)
        same = figures(study) == figures(single)
    finally:
        shutil.rmtree(place)
    print("| runs | processes | seconds | speed-up |")
    print("|---|---|---|---|")
    print(f"| {len(study.jobs)} | 1 | {alone:.1f} | 1.00 |")
    print(f"| {len(study.jobs)} | {given.workers} | {together:.1f} | {alone / together:.2f} |")
    print(f"\nThe runs found {'the same numbers' if same else 'DIFFERENT NUMBERS'}.")
    return int(given.check and not (same and alone / together >= BAR))


def measure(plan: dict[str, Any], folder: Path, workers: int) -> tuple[Study, float]:
    """Run a study; return it with the seconds that its runs and its report took."""
    study = Study(folder=folder, workers=workers, **plan)
    started = time.perf_counter()
    study.run()
    return study, time.perf_counter() - started


def figures(study: Study) -> list[dict[str, Any]]:
    """Return what the runs found, without times."""
    return [load_summary(study.runs / job.name).without_times() for job in study.jobs]


if __name__ == "__main__":
    sys.exit(main())
