"""The hybrid, its halves and variants of it: what the settings of ``bpo`` rest on, and the report.

    python benchmarks/hybrid_trials.py                      run what is missing, print the table
    python benchmarks/hybrid_trials.py --variants bpo ppo --tasks sparse --seeds 100 101
    python benchmarks/hybrid_trials.py --table --variants bpo ddpg_her --tasks sparse --seeds 0 1 2

Settings are chosen on seeds 100 to 104; seeds below 100 are for reports. Every run is judged by the
mean action on the same 100 evaluation episodes. Results are appended run by run to
results/hybrid_trials.jsonl; what stands there for today's settings is not run again. How long PPO's
turns in ``bpo`` are was chosen on the runs in results/hybrid_turns.jsonl, made before it was.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from hybrid_study import scored
from records import fingerprint

RESULTS = Path(__file__).parent / "results" / "hybrid_trials.jsonl"

ONE_STEP: dict[str, Any] = {"brains.ddpg.credit": {"name": "n_step", "steps": 1}}
"""Credit of DDPG where there are no goals."""

TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "sparse": ("goal_reacher", {"total_steps": 12_000, "eval_interval": 1_000}),
    "dense": (
        "goal_reacher",
        {
            "total_steps": 40_000,
            "eval_interval": 8_000,
            "env_kwargs": {"reward_type": "dense"},
        },
    ),
    "noisy": (
        "goal_reacher",
        {"total_steps": 24_000, "eval_interval": 4_000, "env_kwargs": {"motor_noise": 0.5}},
    ),
    "stall": ("stall_reacher", {"total_steps": 40_000, "eval_interval": 8_000}),
    "stall, long": ("stall_reacher", {"total_steps": 160_000, "eval_interval": 20_000}),
    "moving": ("moving_reacher", {"total_steps": 80_000, "eval_interval": 10_000}),
    "reacher_v5": ("reacher_v5", {"total_steps": 40_000, "eval_interval": 4_000, **ONE_STEP}),
    "pendulum": (
        "",
        {"env": "Pendulum-v1", "total_steps": 20_000, "eval_interval": 2_000, **ONE_STEP},
    ),
}
"""Task, none where it is an environment without a name here, and how long."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bpo": ("bpo", {}),
    "ddpg_her": ("ddpg_her", {}),
    "ppo": ("ppo", {}),
    "bpo, 20 steps of 3e-4": (
        "bpo",
        {"brains.ppo.lr_actor": 3e-4, "brains.ppo.learning_repeat": 20},
    ),
    "bpo, 0.05 nats": ("bpo", {"brains.ppo.kl_budget": 0.05}),
    "bpo, 0.1 nats, 2e-3": ("bpo", {"brains.ppo.kl_budget": 0.1, "brains.ppo.lr_actor": 2e-3}),
    "bpo, quarter on-policy": ("bpo", {"agent.on_policy_share": 0.25}),
    "bpo, ddpg 0.5 nats": ("bpo", {"brains.ddpg.kl_budget": 0.5}),
    "bpo, ddpg 0.1 nats": ("bpo", {"brains.ddpg.kl_budget": 0.1}),
    "bpo, shared critic": ("bpo", {"brains.ppo.critic": "shared"}),
    "bpo, ppo 0.05 nats": ("bpo", {"brains.ppo.kl_budget": 0.05, "brains.ppo.lr_actor": 2e-3}),
    "bpo, critic x 3": ("bpo", {"brains.ppo.learning_repeat": 60, "brains.ppo.actor_delay": 3}),
    "bpo, critic x 3, 1e-2": (
        "bpo",
        {
            "brains.ppo.learning_repeat": 60,
            "brains.ppo.actor_delay": 3,
            "brains.ppo.lr_critic": 1e-2,
        },
    ),
    "bpo, annealed": (
        "bpo",
        {
            "agent.trust": "annealed",
            "agent.trust_steps": 20_000,
            "brains.ddpg.kl_budget": 0.5,
            "brains.ppo.kl_budget": 0.05,
            "brains.ppo.lr_actor": 1e-3,
            "brains.ppo.learning_repeat": 40,
        },
    ),
    "bpo, strong ppo": (
        "bpo",
        {
            "brains.ppo.kl_budget": 0.05,
            "brains.ppo.lr_actor": 1e-3,
            "brains.ppo.learning_repeat": 40,
        },
    ),
    "bpo, strong ppo, progress": (
        "bpo",
        {
            "agent.trust": "progress",
            "brains.ddpg.kl_budget": 0.5,
            "brains.ppo.kl_budget": 0.05,
            "brains.ppo.lr_actor": 1e-3,
            "brains.ppo.learning_repeat": 40,
        },
    ),
    "bpo, ppo twice": ("bpo", {"brains.ppo.learning_repeat": 40}),
    "bpo, fixed sigma": ("bpo", {"agent.networks.sigma": "fixed"}),
    "bpo, progress": ("bpo", {"agent.trust": "progress"}),
}
"""Preset, and what is another than in it."""


def settings(variant: str, task: str) -> dict[str, Any]:
    """Return everything but the seed that decides a run."""
    from bnpo.compose import compose

    preset, own = VARIANTS[variant]
    name, run = TASKS[task]
    names = [preset, name] if name else [preset]
    if preset == "ppo":
        run = {key: value for key, value in run.items() if key not in ONE_STEP}
    return compose(names, {**run, "eval_episodes": 100, "threads": 1, **own})


def train(config: dict[str, Any]) -> dict[str, Any]:
    """Train, and return the curve with what the brains told at each evaluation."""
    from timed import TimedTrainer

    from bnpo.presets import build_agent, build_train_config

    trainer = TimedTrainer(build_agent(config), build_train_config(config), progress_bar=False)
    try:
        history = trainer.run()
    finally:
        trainer.close()
    return {
        "cpu_s": round(trainer.cpu_s, 1),
        "curve": [
            {
                "env_steps": record.env_steps,
                "success": record.success_rate,
                "return": round(record.mean_return, 3),
                "score": record.mean_score,
            }
            for record in history
        ],
        "last": {
            brain: {key: round(value, 4) for key, value in info.items()}
            for brain, info in history[-1].brains.items()
        },
    }


def main() -> int:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", nargs="+", default=[*VARIANTS], choices=[*VARIANTS])
    parser.add_argument("--tasks", nargs="+", default=["sparse", "dense"], choices=[*TASKS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[100, 101, 102])
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    done = [json.loads(line) for line in RESULTS.open()] if RESULTS.exists() else []
    known = {(one["variant"], one["task"], one["seed"], one["settings"]) for one in done}
    for task in options.tasks if not options.table else ():
        for seed in options.seeds:
            for variant in options.variants:
                config = settings(variant, task)
                mark = fingerprint(config)
                if (variant, task, seed, mark) in known:
                    continue
                learnt = train({**config, "seed": seed})
                line = {"variant": variant, "task": task, "seed": seed, "settings": mark, **learnt}
                with RESULTS.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                curve = [round(value(task, point), 3) for point in learnt["curve"]]
                print(task, seed, variant, f"{learnt['cpu_s']} s", curve, flush=True)
                done.append(line)
    for task in options.tasks:
        report(task, options.variants, set(options.seeds), done)
    return 0


def solved_at(line: dict[str, Any]) -> float:
    """Environment steps at the first of two evaluations in a row at 0.95 or above; inf for none."""
    for point, following in pairwise(line["curve"]):
        if min(value(line["task"], point), value(line["task"], following)) >= 0.95:
            return float(point["env_steps"])
    return math.inf


def value(task: str, point: dict[str, Any]) -> float:
    """Return what an evaluation counts, as in the study: success, else mean return."""
    return scored(task, point["success"], point["return"]) or 0.0


def report(task: str, variants: list[str], seeds: set[int], done: list[dict[str, Any]]) -> None:
    """Print steps to solved, final success and the probability of improvement of the first."""
    from bnpo.study.statistics import interquartile_mean, probability_of_improvement

    rows: dict[str, list[dict[str, Any]]] = {}
    for variant in variants:
        mark = fingerprint(settings(variant, task))
        runs = [one for one in done if (one["variant"], one["task"]) == (variant, task)]
        rows[variant] = [one for one in runs if one["seed"] in seeds and one["settings"] == mark]
    print(f"\n{task}: solved at (steps), final value (interquartile mean), CPU s, P(first better)")
    first = np.array([-solved_at(one) for one in rows[variants[0]]])
    for variant, runs in rows.items():
        if not runs:
            continue
        solved = sorted(solved_at(one) for one in runs)
        final = interquartile_mean([np.array([value(task, one["curve"][-1]) for one in runs])])
        better = probability_of_improvement([first], [np.array([-one for one in solved])])
        print(
            f"{variant:28} {len(runs)} seeds, median {statistics.median(solved):,.0f} of {solved}; "
            f"{float(final.value):.3f} [{float(final.low):.3f}, {float(final.high):.3f}]; "
            f"{statistics.median(one['cpu_s'] for one in runs):.1f} s; "
            f"{better.value:.2f} [{better.low:.2f}, {better.high:.2f}]"
        )


if __name__ == "__main__":
    sys.exit(main())
