"""Goal tasks in CPU seconds beside SBX (SB3's algorithms in JAX), compilation counted.

    python benchmarks/jax_race.py goal_reacher         run what is missing, print the table
    python benchmarks/jax_race.py fetch_reach --seeds 0 1 2

Judged as in learning.py: success at the last step of 100 episodes of the mean action on the same
evaluation seeds, solved at the first of two evaluations in a row at 0.95 or above. Each run has a
process and a core of its own, programs alternate within each seed. CPU seconds are those of
training: acting, environments, learning, and all compilation, in which each run begins with an
empty cache; neither imports nor evaluation. Compilation is shown apart: the C++ compiler's seconds,
or those of JAX's first training call. Results are appended run by run to results/jax_race.jsonl.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jax_peers import use_one_thread
from jax_tasks import TASKS, Rival, Task
from judged import EPISODES, judge, reaches
from medians import Median, show
from race import by_seed, solved
from records import fingerprint, short_name

RESULTS = Path(__file__).parent / "results" / "jax_race.jsonl"
THRESHOLD = 0.95
ENVS = 8
SEEDS = (0, 1, 2, 3, 4)


def run_preset(task_name: str, preset: str, seed: int) -> dict[str, Any]:
    """Train one of our presets until it is solved or its steps are used up."""
    from timed import TimedTrainer

    from bnpo.presets import build_agent, build_train_config

    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        config = configuration(task_name, preset) | {"seed": seed}
        agent = build_agent(config)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    compile_s = children.ru_utime + children.ru_stime
    trainer = TimedTrainer(agent, build_train_config(config), progress_bar=False)
    curve: list[tuple[int, float, float | None]] = []
    trainer.run(
        lambda r: curve.append((r.env_steps, round(compile_s + trainer.cpu_s, 3), r.success_rate))
    )
    trainer.close()
    return {"compile_s": round(compile_s, 3), "curve": curve}


def configuration(task_name: str, preset: str) -> dict[str, Any]:
    """Everything but the seed that decides what a preset reaches."""
    from bnpo.compose.composition import compose

    task = TASKS[task_name]
    updates = {
        "total_steps": task.steps,
        "stop_when_solved": True,
        "eval_interval": task.interval,
        "eval_episodes": EPISODES,
    }
    return compose([preset, task_name], updates)


def run_rival(task: Task, rival: Rival, seed: int) -> dict[str, Any]:
    """Train an algorithm of SBX until it has solved a task or its steps are used up."""
    use_one_thread()
    import gymnasium as gym
    import numpy as np
    import sbx
    import torch
    from stable_baselines3 import HerReplayBuffer
    from stable_baselines3.common.noise import NormalActionNoise, VectorizedActionNoise
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    torch.set_num_threads(1)
    callback = judge(task.env_id, task.interval, reaches(THRESHOLD))
    batch = DummyVecEnv([lambda: gym.make(task.env_id)] * ENVS)
    env = VecNormalize(batch, norm_reward=False, clip_obs=5.0)
    arguments = dict(rival.settings)
    if rival.noise is not None:
        size = env.action_space.shape[0]
        single = NormalActionNoise(np.zeros(size), np.full(size, rival.noise))
        arguments["action_noise"] = VectorizedActionNoise(single, ENVS)
    model = getattr(sbx, rival.algorithm)(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        policy_kwargs={"net_arch": [64, 64]},
        seed=seed,
        **arguments,
    )
    train, calls = model.train, []

    def timed(*arguments: Any, **fields: Any) -> None:
        started = time.process_time()
        train(*arguments, **fields)
        calls.append(time.process_time() - started)

    model.train = timed
    model.learn(task.steps, callback=callback)
    curve = [(one.env_steps, one.cpu_s, one.success) for one in callback.curve]
    return {"compile_s": round(calls[0], 3) if calls else 0.0, "curve": curve}


def label(task_name: str, program: str) -> str:
    """Short name of a program's settings: results of other settings do not count."""
    task = TASKS[task_name]
    if program in task.rivals:
        rival = task.rivals[program]
        return short_name([rival.algorithm, rival.settings, rival.noise, task.interval])
    return fingerprint(configuration(task_name, program))


def load(task_name: str) -> dict[tuple[str, int], dict[str, Any]]:
    """Newest result of every program and seed under the settings of today."""
    if not RESULTS.exists():
        return {}
    task = TASKS[task_name]
    names = {program: label(task_name, program) for program in (*task.presets, *task.rivals)}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {
        (row["program"], row["seed"]): row
        for row in rows
        if row["task"] == task_name and row["settings"] == names.get(row["program"])
    }


def reached(task_name: str, seeds: Sequence[int]) -> dict[str, list[tuple[float, float]]]:
    """Steps and CPU seconds to solved of every program with results, by seed."""
    results, task = load(task_name), TASKS[task_name]
    never = (math.inf, math.inf)
    curves = {
        program: [results[program, seed]["curve"] for seed in seeds if (program, seed) in results]
        for program in (*task.presets, *task.rivals)
    }
    return {
        program: [solved(curve, THRESHOLD) or never for curve in own]
        for program, own in curves.items()
        if own
    }


def table(task_name: str, seeds: Sequence[int] = SEEDS) -> str:
    """Markdown table: steps and CPU seconds to solved by seed, medians, compilation apart."""
    results = load(task_name)
    lines = [
        "| program | steps to solved, by seed | CPU seconds, by seed | median steps | "
        "median CPU seconds | of them compilation |",
        "|---|---|---|---|---|---|",
    ]
    for program, points in reached(task_name, seeds).items():
        steps, cpu = zip(*points, strict=True)
        compile_s = statistics.median(
            row["compile_s"]
            for (name, seed), row in results.items()
            if name == program and seed in seeds
        )
        lines.append(
            f"| `{program}` | {by_seed(steps, '{:,}')} | {by_seed(cpu, '{:.1f}')} | "
            f"{by_seed([statistics.median(steps)], '{:,.0f}')} | "
            f"{by_seed([statistics.median(cpu)], '{:.2f}')} | {compile_s:.2f} |"
        )
    return "\n".join(lines)


def figures() -> Iterator[Median]:
    """Medians of our presets beside the quickest rival, of tasks that all seeds have run."""
    for task_name, task in TASKS.items():
        columns = {
            program: [statistics.median(column) for column in zip(*points, strict=True)]
            for program, points in reached(task_name, SEEDS).items()
            if len(points) == len(SEEDS)
        }
        rivals = [program for program in task.rivals if program in columns]
        if not rivals:
            continue
        best = min(rivals, key=lambda program: columns[program][1])
        for program in task.presets:
            for index, unit in enumerate(("environment steps", "CPU seconds")):
                if program in columns:
                    ours, theirs = columns[program][index], columns[best][index]
                    yield Median(
                        what=f"{task_name}, solved by {program}, compilation counted",
                        ours=ours,
                        unit=unit,
                        peer=best,
                        theirs=theirs,
                        ratio=theirs / ours,
                        asked=(">= 1", ">= 1.5")[index],
                    )


def main() -> None:
    """Run what is missing of a task and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=list(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS])
    parser.add_argument("--programs", nargs="+", help="default: all")
    parser.add_argument("--fresh", action="store_true", help="run again what has a result")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    task = TASKS[options.task]
    if options.one:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])  # no worker processes
        seed, program = options.seeds[0], options.one
        labels = {"task": options.task, "program": program, "seed": seed}
        if program in task.rivals:
            outcome = run_rival(task, task.rivals[program], seed)
        else:
            outcome = run_preset(options.task, program, seed)
        print(json.dumps({**labels, "settings": label(options.task, program), **outcome}))
        return
    done = {} if options.fresh else load(options.task)
    for seed in options.seeds:
        for program in options.programs or (*task.presets, *task.rivals):
            if (program, seed) in done:
                continue
            print(f"{program}, seed {seed} ...", file=sys.stderr, flush=True)
            command = [
                sys.executable,
                __file__,
                options.task,
                "--one",
                program,
                "--seeds",
                str(seed),
            ]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            with RESULTS.open("a") as file:
                file.write(out.splitlines()[-1] + "\n")
    print(table(options.task, options.seeds), end="\n\n")
    show([one for one in figures() if one.what.startswith(options.task)])


if __name__ == "__main__":
    main()
