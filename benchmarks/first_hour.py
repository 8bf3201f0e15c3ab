"""What a user waits for: help, lists and a board of 1,000 runs, the prompt after the last step.

    python benchmarks/first_hour.py            all of it
    python benchmarks/first_hour.py start      help and lists alone
    python benchmarks/first_hour.py eight      a training run of eight steps, film and all
    python benchmarks/first_hour.py board      what the board reads alone

CPU seconds are those of the command and its children. The wait for the prompt is that of
HalfCheetah-v5 for 2,000 steps with ``ppo``: from the last line of the training stream, which is
written at the last step, to the end of the process, in seconds of the clock and of the processors.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from medians import Median, leave, show

REPEATS = 5
RUNS = 1_000
TINY = [
    *("goal_reacher", "total_steps=400", "eval_interval=200", "eval_episodes=4", "num_envs=4"),
    *("env_kwargs.episode_steps=10", "agent.max_steps=10", "agent.warmup_steps=0", "video=off"),
]
CHEETAH = ["with", "ppo", "env=HalfCheetah-v5", "total_steps=2000"]


def bnpo(words: Sequence[str], cwd: Path) -> float:
    """Run a command line; return the CPU seconds that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "bnpo", *words], cwd=cwd, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def start(cwd: Path) -> list[Median]:
    """Measure commands that train nothing, and lists of runs."""
    bnpo(["with", "bpo", *TINY], cwd)
    medians = []
    for words in ("--help", "help agent.gamma", "help study", "runs"):
        seconds = statistics.median(bnpo(words.split(), cwd) for _ in range(REPEATS))
        what = f"`bnpo {words}`"
        medians.append(Median(what=what, ours=seconds, unit="CPU seconds", asked="<= 0.5"))
    copy_runs(cwd)
    seconds = statistics.median(bnpo(["runs"], cwd) for _ in range(3))
    what = f"`bnpo runs` over {RUNS:,} runs"
    medians.append(Median(what=what, ours=seconds, unit="CPU seconds", asked="<= 2"))
    return medians


def eight(cwd: Path) -> list[Median]:
    """Measure a training run that is nearly all start and end: once compiled, film and all."""
    words = ["with", "bpo", "goal_reacher", "total_steps=8"]
    bnpo(words, cwd)  # compiles
    seconds = statistics.median(bnpo(words, cwd) for _ in range(REPEATS))
    what = "`bnpo with bpo goal_reacher total_steps=8`, film and all"
    return [Median(what=what, ours=seconds, unit="CPU seconds", asked="<= 3.9")]


def copy_runs(cwd: Path) -> None:
    """Make many runs of the one that is there."""
    for number in range(2, RUNS + 1):
        copy = cwd / "runs" / str(number)
        shutil.copytree(cwd / "runs" / "1", copy, ignore=shutil.ignore_patterns("checkpoints"))


def board(cwd: Path) -> list[Median]:
    """Measure what the board's server reads: once at its start, then every two seconds."""
    from bnpo.board.watching import Watch

    bnpo(["with", "bpo", *TINY], cwd)
    copy_runs(cwd)
    started = time.process_time()
    watch = Watch(cwd / "runs", 0.0)
    looks = [time.process_time() - started]
    for version in range(REPEATS):
        started = time.process_time()
        watch.since(version + 1)
        looks.append(time.process_time() - started)
    what = f"board of {RUNS:,} runs"
    later = statistics.median(looks[1:])
    return [
        Median(what=f"{what}: first look", ours=looks[0], unit="CPU seconds", asked="<= 2"),
        Median(what=f"{what}: every later one", ours=later, unit="CPU seconds", asked="<= 0.2"),
    ]


def prompt(cwd: Path) -> list[Median]:
    """Measure what comes after the last step of a run on a long-horizon task."""
    spent = bnpo(CHEETAH, cwd)
    ended = time.time()
    run = max((cwd / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
    stream = [json.loads(line) for line in (run / "training.jsonl").read_text().splitlines()]
    assert stream[-1]["env_steps"] == 2_000
    waited = ended - stream[-1]["time"]
    what = "HalfCheetah-v5, 2,000 steps of `ppo`"
    return [
        Median(what=f"{what}: last step to prompt", ours=waited, unit="seconds", asked="<= 20"),
        Median(what=f"{what}: the whole command", ours=spent, unit="CPU seconds"),
    ]


def main() -> None:
    """Measure, print and leave the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["start", "eight", "board", "prompt"])
    options = parser.parse_args()
    parts = {"start": start, "eight": eight, "board": board, "prompt": prompt}
    medians: list[Median] = []
    for name in options.parts:
        with tempfile.TemporaryDirectory(prefix="bnpo-first-hour-") as folder:
            medians += parts[name](Path(folder))
    show(medians)
    leave("first_hour", medians)


if __name__ == "__main__":
    main()
