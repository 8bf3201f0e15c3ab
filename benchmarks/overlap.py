"""Environment steps per second while brains learn, with stepping and learning overlapped or not.

    python benchmarks/overlap.py                    FetchPush: five minutes on a quiet machine
    python benchmarks/overlap.py --task goal_reacher

Each mode trains in a process of its own, one after the other, in rounds: past its warmup, then for
some turns by the clock without evaluation, one thread of torch. Medians of rounds; the peer is the
same program with overlap=off. Gradient steps per environment step are the same in all modes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from medians import compared, leave, show

PRESET = "ddpg_her"
MODES = ("off", "lockstep", "free")
NEVER = 10**9


def rate(task: str, mode: str, steps: int) -> float:
    """Environment steps per second of a mode once its brains learn."""
    from bnpo import Trainer
    from bnpo.compose.composition import compose
    from bnpo.presets import build_agent, build_train_config

    updates = {"total_steps": NEVER, "eval_interval": NEVER, "eval_episodes": 1, "overlap": mode}
    config = compose([PRESET, task], updates)
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    while not trainer.agent.gradient_steps:
        trainer.step()
    started, first = time.perf_counter(), trainer.agent.env_steps
    while trainer.agent.env_steps < first + steps:
        trainer.step()
    per_second = steps / (time.perf_counter() - started)
    trainer.close()
    return per_second


def main() -> None:
    """Print a table and leave it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="fetch_push", help="named task")
    parser.add_argument("--steps", type=int, default=4_000, help="environment steps by the clock")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(rate(options.task, options.one, options.steps))
        return
    rates: dict[str, list[float]] = {mode: [] for mode in MODES}
    for _ in range(options.rounds):
        for mode in MODES:
            command = [sys.executable, __file__, "--one", mode]
            command += ["--task", options.task, "--steps", str(options.steps)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rates[mode].append(float(done.stdout.splitlines()[-1]))
    medians = {mode: statistics.median(each) for mode, each in rates.items()}
    figures = [
        compared(
            f"training on {options.task}, overlap={mode}",
            medians[mode],
            "overlap=off",
            medians["off"],
            "environment steps/s",
        )
        for mode in MODES[1:]
    ]
    show(figures)
    leave("overlap", figures)


if __name__ == "__main__":
    main()
