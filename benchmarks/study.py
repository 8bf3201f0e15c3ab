"""A study on all cores against the same runs made one after the other; prints a Markdown table.

    python benchmarks/study.py --check                                3 presets, 2 tasks, 5 seeds
    python benchmarks/study.py --presets bpo --seeds 2 --steps 400    a small one

Three parts. *alone*: every run by its own ``bnpo with FILE``, one thread, one after the other.
*study*: one ``bnpo study`` of them, as many processes of one thread as there are cores; its time
holds tables and report, too. *killed*: the study's first seeds anew, killed without warning when
some runs are finished and others are under way, and then run again. ``--check`` fails unless all
parts find the same numbers and the study is faster by the bar.

A part that is finished stays in build/bench-study and is not repeated; one that was stopped is
measured anew, since only an undisturbed time says something. The result is added to
results/study.jsonl, with the machine's load at the start of each part: measure when nothing else
runs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bnpo.envs.cores import available_cores
from bnpo.files import read_json, write_json
from bnpo.runs import load_summary
from bnpo.runs.summary import versions
from bnpo.study import Study
from bnpo.study.processes.jobs import ONE_THREAD
from bnpo.study.results import is_trained

BAR = 1.8
"""Speed-up on two cores."""

PRESETS = ["bpo", "ddpg_her", "ppo"]
TASKS = ["goal_reacher", "fetch_reach"]

RESULTS = Path(__file__).parent / "results" / "study.jsonl"
WORK = Path(__file__).parents[1] / "build" / "bench-study"

Part = dict[str, Any]
"""Seconds, load at the start, and what the runs found, by name."""


def main() -> int:
    """Measure, print and write down; return 1 where a check fails."""
    options = arguments()
    plan = {
        "presets": options.presets,
        "tasks": options.tasks,
        "seeds": options.seeds,
        "overrides": {"total_steps": options.steps, "eval_episodes": 20},
    }
    key = hashlib.sha256(json.dumps([plan, options.workers]).encode()).hexdigest()[:12]
    place = WORK / key
    alone = part(place / "alone", lambda folder: run_alone(plan, folder))
    study = part(place / "study", lambda folder: run_study(plan, folder, options.workers))
    killed = part(place / "killed", lambda folder: run_killed(plan, folder, options.workers))
    same = alone["found"] == study["found"]
    survived = all(alone["found"][name] == one for name, one in killed["found"].items())
    speed_up = alone["seconds"] / study["seconds"]
    result = {
        **plan,
        "workers": options.workers,
        "seconds_alone": round(alone["seconds"], 1),
        "seconds_study": round(study["seconds"], 1),
        "speed_up": round(speed_up, 3),
        "same_numbers": same,
        "survives_kill": survived,
        "finished_before_kill": killed["before"],
        "load": [alone["load"], study["load"]],
        "processor": platform.processor() or platform.machine(),
        "cores": available_cores(),
        "versions": versions(),
    }
    with options.output.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
    report(result, len(alone["found"]), killed)
    return int(options.check and not (same and survived and speed_up >= BAR))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5_000, help="environment steps of a run")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--output", type=Path, default=RESULTS, help="file the result is added to")
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


def part(folder: Path, measure: Callable[[Path], Part]) -> Part:
    """Return what a part found, which is measured unless it was measured to its end before."""
    done = folder / "part.json"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"{folder.name} ...", file=sys.stderr, flush=True)
        load = os.getloadavg()[0]
        write_json(done, {**measure(folder), "load": round(load, 2)})
    measured: Part = read_json(done)
    return measured


def run_alone(plan: dict[str, Any], folder: Path) -> Part:
    """Make every run by a command of its own."""
    study = Study(folder=folder, **plan)
    files = {job.name: folder / f"{job.name}.json" for job in study.jobs}
    for job in study.jobs:
        write_json(files[job.name], job.config)
    started = time.perf_counter()
    for name, file in files.items():
        run("-F", folder / "runs", "--id", name, "with", file, log=folder / f"{name}.log")
    return {"seconds": time.perf_counter() - started, "found": figures(study)}


def run_study(plan: dict[str, Any], folder: Path, workers: int) -> Part:
    """Make all runs by one study."""
    file = folder / "study.yaml"
    settings = {**plan, "folder": str(folder), "workers": workers}
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    started = time.perf_counter()
    run("study", "with", file, log=folder / "study.log")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "found": figures(Study(folder=folder, **plan))}


def run_killed(plan: dict[str, Any], folder: Path, workers: int) -> Part:
    """Make the first seeds by a study that is killed when some of its runs are finished."""
    plan = {**plan, "seeds": 1 if len(plan["presets"]) * len(plan["tasks"]) > 1 else plan["seeds"]}
    file = folder / "study.yaml"
    settings = {**plan, "folder": str(folder), "workers": workers}
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    study = Study(folder=folder, **plan)
    first = start("study", "with", file, log=folder / "killed.log")
    while not finished(study) and first.poll() is None:
        time.sleep(0.1)
    first.kill()
    first.wait()
    before = finished(study)
    if before == len(study.jobs):
        raise SystemExit("the study was finished before it could be killed: take more steps")
    started = time.perf_counter()
    run("study", "with", file, log=folder / "again.log")
    return {
        "seconds": time.perf_counter() - started,
        "found": figures(study),
        "before": before,
    }


def finished(study: Study) -> int:
    """Return how many of a study's runs are finished."""
    return sum(is_trained(study.runs / job.name) for job in study.jobs)


def start(*words: str | Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a command of bnpo in a process of one thread; what it tells goes to a log."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "bnpo", *map(str, words)],
            stdout=output,
            stderr=output,
            env={**os.environ, **ONE_THREAD},
        )


def run(*words: str | Path, log: Path) -> None:
    """Run a command of bnpo, which must end well."""
    if start(*words, log=log).wait():
        raise SystemExit(f"bnpo {' '.join(map(str, words))} failed, see {log}")


def figures(study: Study) -> dict[str, Any]:
    """Return what the runs found, by name, without times."""
    summaries = {
        job.name: load_summary(study.runs / job.name).without_times() for job in study.jobs
    }
    plain: dict[str, Any] = json.loads(json.dumps(summaries))
    return plain


def report(result: dict[str, Any], runs: int, killed: Part) -> None:
    """Print the table and the checks."""
    print("| runs | processes | seconds | speed-up |")
    print("|---|---|---|---|")
    print(f"| {runs} alone | 1 | {result['seconds_alone']} | 1.00 |")
    print(
        f"| {runs} as a study | {result['workers']} | {result['seconds_study']} "
        f"| {result['speed_up']:.2f} |"
    )
    print(f"\nThe study found {'the same' if result['same_numbers'] else 'OTHER'} numbers.")
    print(
        f"Killed when {killed['before']} of {len(killed['found'])} runs were finished, and run "
        f"again, it found {'the same' if result['survives_kill'] else 'OTHER'} numbers."
    )


if __name__ == "__main__":
    sys.exit(main())
