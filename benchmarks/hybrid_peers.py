"""Stable-Baselines3's SAC with hindsight and PPO on the tasks of the hybrid's study.

    python benchmarks/hybrid_peers.py                        run what is missing, print the tables
    python benchmarks/hybrid_peers.py --tasks sparse --seeds 0 1 2

One setting for all tasks, as for the presets: those that the peers race with on the goal Reacher
(SAC) and on Reacher-v5 (PPO). Observations are normalised; without goals SAC has its own replay.
Lengths, evaluations and scores are the study's (studies/hybrid.yaml); the moving arms, whose
goals this library's hindsight would hold still, are left out. Results are appended
run by run to results/hybrid_peers.jsonl; what stands there for today's settings is not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from hybrid_study import HYBRID, LAST, Groups, Line, grouped, planned, read_lines, scored, tasks
from judged import judge
from learning import PLANAR
from reacher_v5 import PEER_ENVS, PEER_SETTINGS
from records import short_name

RESULTS = Path(__file__).parent / "results" / "hybrid_peers.jsonl"
SETTINGS = {"sb3_sac_her": PLANAR.settings, "sb3_ppo": PEER_SETTINGS}
"""Arguments by program."""

LEFT_OUT = {"moving"}

Task = dict[str, Any]


def main() -> int:
    """Run what is missing, then print the table."""
    study = study_tasks()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", nargs="+", default=[*SETTINGS], choices=SETTINGS)
    parser.add_argument("--tasks", nargs="+", default=[*study], choices=study)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    lines = read_lines(RESULTS)
    for seed in options.seeds:
        for task in options.tasks:
            for program in options.programs:
                if (program, task, seed, label(program, study[task])) not in lines:
                    line = measure(program, task, study[task], seed)
                    with RESULTS.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
                    told = f"score {line['score']:.3f}, {line['cpu_s']} CPU s"
                    print(f"{program}, {task}, seed {seed}: {told}", flush=True)
    print("\n".join(tasks(of_today())))
    return 0


def study_tasks() -> dict[str, Task]:
    """Return environment, steps and evaluations of the study's tasks, by label."""
    keys = ("env", "env_kwargs", "total_steps", "eval_interval")
    configs = {job.task: job.config for job in planned("hybrid") if job.preset == HYBRID}
    return {
        task: {name: config[name] for name in keys}
        for task, config in configs.items()
        if task not in LEFT_OUT
    }


def label(program: str, task: Task) -> str:
    """Short name of a run's settings: results of other settings do not count."""
    return short_name([SETTINGS[program], PEER_ENVS, task])


def of_today() -> Groups:
    """Return all runs that are there for today's settings, by task and program."""
    study = study_tasks()
    return grouped(
        [
            line
            for (program, task, _, settings), line in read_lines(RESULTS).items()
            if task in study and settings == label(program, study[task])
        ]
    )


def measure(program: str, task: str, settings: Task, seed: int) -> Line:
    """Train one program and return its line."""
    import gymnasium as gym
    import torch
    from gymnasium.spaces import Dict
    from stable_baselines3 import PPO, SAC, HerReplayBuffer
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    torch.set_num_threads(1)
    interval, env_kwargs = settings["eval_interval"], settings["env_kwargs"]
    callback = judge(settings["env"], interval, **env_kwargs)
    batch = DummyVecEnv([lambda: gym.make(settings["env"], **env_kwargs)] * PEER_ENVS)
    on_policy = program == "sb3_ppo"
    arguments = dict(SETTINGS[program])
    env = VecNormalize(batch, norm_reward=on_policy, gamma=arguments["gamma"], clip_obs=5.0)
    goals = isinstance(env.observation_space, Dict)
    arguments |= {"seed": seed, "device": "cpu", "policy_kwargs": {"net_arch": [64, 64]}}
    if goals and not on_policy:
        arguments["replay_buffer_class"] = HerReplayBuffer
        arguments["replay_buffer_kwargs"] = {
            "n_sampled_goal": 4,
            "goal_selection_strategy": "future",
        }
    algorithm = PPO if on_policy else SAC
    model = algorithm("MultiInputPolicy" if goals else "MlpPolicy", env, **arguments)
    model.learn(settings["total_steps"], callback=callback)
    env.close()
    curve = [point for point in callback.curve if point.env_steps <= settings["total_steps"]]
    values = [scored(task, point.success, point.mean_return) or 0.0 for point in curve]
    return {
        "preset": program,
        "task": task,
        "seed": seed,
        "settings": label(program, settings),
        "cpu_s": round(curve[-1].cpu_s, 1),
        "steps": [point.env_steps for point in curve],
        "values": [round(value, 4) for value in values],
        "returns": [round(point.mean_return, 3) for point in curve],
        "score": float(np.mean(values)),
        "final": float(np.mean(values[-LAST:])),
        "brains": {},
    }


if __name__ == "__main__":
    sys.exit(main())
