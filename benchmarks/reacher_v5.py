"""PPO on Gymnasium's Reacher-v5 to a mean return of -5, beside SB3's PPO and a lean one.

    python benchmarks/reacher_v5.py                    run what is missing, print the table
    python benchmarks/reacher_v5.py --fresh            measure anew
    python benchmarks/reacher_v5.py --search 40        look for settings, on seed 100

All programs are judged the same way: the mean action, undiscounted return of 100 episodes on the
same evaluation seeds, every 2,000 environment steps; solved is the first of two evaluations in a
row at -5 or above. Each runs in one process on one core, alternating within each seed. Seconds are
training without evaluation; CPU seconds are what other work on the machine distorts least. Results
are appended run by run to results/reacher_v5.jsonl; what stands there for the settings of today is
not run again. The settings of ``ppo`` are ``TUNED["ppo", "reacher_v5"]``, the best of the search
that results/reacher_v5_search.jsonl records: 30 trials of 32,000 steps on seed 100, none of them
solved by then.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import lean_ppo
from judged import EPISODES, Evaluation, judge
from race import by_seed
from records import fingerprint, short_name

RESULTS = Path(__file__).parent / "results" / "reacher_v5.jsonl"
ENV_ID = "Reacher-v5"
PEER, LEAN = "sb3_ppo", "lean_ppo"
PROGRAMS = ("ppo", PEER, LEAN)
STEPS = 120_000
INTERVAL = 2_000
THRESHOLD = -5.0

PEER_SETTINGS: dict[str, Any] = {
    "n_steps": 128,
    "batch_size": 64,
    "n_epochs": 10,
    "learning_rate": 3e-4,
    "gamma": 0.95,
    "gae_lambda": 0.95,
}
PEER_ENVS = 8

Point = tuple[int, float, float, float]
"""Environment steps, CPU seconds, seconds, mean return."""


def configuration(settings: dict[str, Any], steps: int) -> dict[str, Any]:
    """Everything but the seed that decides what the preset reaches."""
    from bnpo.compose.composition import compose

    run = {"total_steps": steps, "eval_interval": INTERVAL, "stop_when_solved": True}
    return compose(["ppo", "reacher_v5"], {**run, "eval_episodes": EPISODES, **settings})


def label(program: str) -> str:
    """Short name of a program's settings: results of other settings do not count."""
    if program == PEER:
        return short_name([[PEER_SETTINGS, PEER_ENVS], STEPS, INTERVAL])
    if program == LEAN:
        return short_name([lean_ppo.SETTINGS, STEPS, INTERVAL])
    return fingerprint(configuration({}, STEPS))


def run_bnpo(seed: int, settings: dict[str, Any], steps: int = STEPS) -> list[Point]:
    """Train the preset until it is solved twice in a row or its steps are used up."""
    from timed import TimedTrainer

    from bnpo.presets import build_agent, build_train_config

    config = configuration(settings, steps)
    agent = build_agent(config | {"seed": seed})
    trainer = TimedTrainer(agent, build_train_config(config), progress_bar=False)
    curve: list[Point] = []
    trainer.run(
        lambda r: curve.append(
            (r.env_steps, round(trainer.cpu_s, 3), round(r.wall_s, 3), round(r.mean_return, 4))
        )
    )
    trainer.close()
    return curve


def make_judge(episodes: int = EPISODES) -> Callable[[Callable[[Any], Any]], float]:
    """Return what tells the mean return of a policy from observations to actions."""
    import numpy as np

    from bnpo.envs import make_vector_env
    from bnpo.seeding import EVALUATION_SEED

    env = make_vector_env(ENV_ID, episodes, workers=0)

    def mean_return(act: Callable[[Any], Any]) -> float:
        observation, _ = env.reset(seed=EVALUATION_SEED)
        returns = np.zeros(episodes)
        while True:
            observation, reward, _, truncated, _ = env.step(act(observation))
            returns += reward
            if truncated.all():
                return float(returns.mean())

    return mean_return


def run_peer(seed: int, settings: dict[str, Any], steps: int = STEPS) -> list[Point]:
    """Train PPO of Stable-Baselines3, observations and rewards normalised."""
    import gymnasium as gym
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    torch.set_num_threads(1)
    env = VecNormalize(
        DummyVecEnv([lambda: gym.make(ENV_ID)] * PEER_ENVS), gamma=settings["gamma"], clip_obs=5.0
    )
    model = PPO("MlpPolicy", env, seed=seed, device="cpu", **settings)
    callback = judge(ENV_ID, INTERVAL, lambda curve: solved(points(curve)) is not None)
    model.learn(steps, callback=callback)
    return points(callback.curve)


def points(curve: list[Evaluation]) -> list[Point]:
    """Return what of evaluations is kept."""
    return [(one.env_steps, one.cpu_s, one.wall_s, one.mean_return) for one in curve]


def run_lean(
    seed: int,
    settings: dict[str, Any] = lean_ppo.SETTINGS,
    steps: int = STEPS,
    interval: int = INTERVAL,
    episodes: int = EPISODES,
) -> list[Point]:
    """Train the lean PPO."""
    return lean_ppo.train(
        ENV_ID,
        seed,
        steps,
        interval,
        make_judge(episodes),
        lambda curve: solved(curve) is not None,
        settings,
    )


def solved(curve: list[Any]) -> tuple[int, float, float] | None:
    """Steps, CPU seconds and seconds at the first of two evaluations in a row at the threshold."""
    for (steps, cpu_s, wall_s, value), (*_, following) in pairwise(curve):
        if min(value, following) >= THRESHOLD:
            return steps, cpu_s, wall_s
    return None


def measure(program: str, seed: int) -> None:
    """Run one program with one seed in a process of its own and append what it found."""
    print(f"{program}, seed {seed} ...", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--one", program, "--seeds", str(seed)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a") as file:
        file.write(out.splitlines()[-1] + "\n")


def load() -> dict[tuple[str, int], dict[str, Any]]:
    """Newest result of every program and seed under the settings of today."""
    if not RESULTS.exists():
        return {}
    names = {program: label(program) for program in PROGRAMS}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {
        (row["program"], row["seed"]): row
        for row in rows
        if row["settings"] == names.get(row["program"])
    }


def table(seeds: list[int]) -> str:
    """Markdown table: steps and seconds to solved by seed, medians, ratio to the peer."""
    results, medians = load(), {}
    lines = [
        "| program | steps to solved, by seed | CPU seconds, by seed | seconds, by seed | "
        "median steps | median CPU seconds |",
        "|---|---|---|---|---|---|",
    ]
    for program in PROGRAMS:
        rows = [results[program, seed] for seed in seeds if (program, seed) in results]
        if not rows:
            continue
        never = (float("inf"),) * 3
        steps, cpu, wall = zip(*(solved(row["curve"]) or never for row in rows), strict=True)
        medians[program] = statistics.median(cpu)
        lines.append(
            f"| {program} | {by_seed(steps, '{:,}')} | {by_seed(cpu, '{:.1f}')} | "
            f"{by_seed(wall, '{:.1f}')} | {by_seed([statistics.median(steps)], '{:,.0f}')} | "
            f"{by_seed([medians[program]], '{:.1f}')} |"
        )
    for peer in (PEER, LEAN):
        if {peer, "ppo"} <= medians.keys():
            ratio = medians[peer] / medians["ppo"]
            lines.append(f"\n{peer} takes {ratio:.1f} times the CPU seconds of ppo (medians).")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=[*PROGRAMS])
    parser.add_argument("--fresh", action="store_true", help="run again what has a result")
    parser.add_argument("--search", type=int, metavar="TRIALS", help="look for settings instead")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one or options.search:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])  # no worker processes
    seed = options.seeds[0]
    if options.search:
        import reacher_v5_search

        reacher_v5_search.search(options.one or "ppo", options.search, 100)
        return
    if options.one:
        peers = {PEER: lambda: run_peer(seed, PEER_SETTINGS), LEAN: lambda: run_lean(seed)}
        curve = peers.get(options.one, lambda: run_bnpo(seed, {}))()
        labels = {"program": options.one, "seed": seed, "settings": label(options.one)}
        print(json.dumps({**labels, "curve": curve}))
        return
    done = {} if options.fresh else load()
    for seed in options.seeds:
        for program in options.programs:
            if (program, seed) not in done:
                measure(program, seed)
    print(table(options.seeds))


if __name__ == "__main__":
    main()
