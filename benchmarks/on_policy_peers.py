"""Likelihood-ratio rules beside TRPO of sb3-contrib and A2C of Stable-Baselines3, at equal steps.

    python benchmarks/on_policy_peers.py                     run what is missing, print the table
    python benchmarks/on_policy_peers.py --programs trpo sb3_trpo --tasks goal_reacher
    python benchmarks/on_policy_peers.py --table             print what is there

Tasks: the goal Reacher with its dense reward (minus the distance, metres), Gymnasium's Reacher-v5.
Every program learns for 100,000 environment steps on each and is judged by the mean action on 100
episodes on the same evaluation seeds. The peers have eight environments, observations and rewards
normalised, the task's own discount and hidden layers of 64, 64; the rest is in ``PEERS``: for TRPO
what the RL Zoo has for small arms, for A2C its defaults. Programs alternate within each seed, one
process each, one thread. Results are appended run by run to results/on_policy_peers.jsonl; what
stands there for the settings of today is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from judged import EPISODES, judge
from raced import EARLIER
from records import fingerprint, short_name
from rules import figure

RESULTS = Path(__file__).parent / "results" / "on_policy_peers.jsonl"
STEPS = 100_000
INTERVAL = 20_000
PEER_ENVS = 8

TASKS: dict[str, dict[str, Any]] = {
    "goal_reacher": {"env_kwargs": {"reward_type": "dense"}},
    "reacher_v5": {},
}
"""Settings of a run over the named task."""

PEERS: dict[str, dict[str, Any]] = {
    "sb3_trpo": {
        "n_steps": 128,
        "batch_size": 128,
        "gae_lambda": 0.95,
        "learning_rate": 1e-3,
        "target_kl": 0.04,
        "cg_max_steps": 20,
        "n_critic_updates": 20,
    },
    "sb3_a2c": {},
}
"""Arguments of the peers' algorithms."""

PROGRAMS = ("ppo", "trpo", "sb3_trpo", "npg", "ppo_kl", "a2c", "sb3_a2c")


def settings(program: str, task: str, steps: int) -> dict[str, Any]:
    """Everything but the seed that decides a run."""
    from bnpo.compose.composition import compose

    run = {"total_steps": steps, "eval_interval": INTERVAL, "eval_episodes": EPISODES}
    preset = "ppo" if program in PEERS else program
    config = compose([preset, task], {**run, **TASKS[task]})
    if program not in PEERS:
        return config
    chosen = {key: config[key] for key in ("env", "env_kwargs", "total_steps", "eval_interval")}
    return {**chosen, "gamma": config["agent"]["gamma"], "peer": PEERS[program]}


def label(program: str, task: str, steps: int) -> str:
    """Short name of a program's settings: results of other settings do not count."""
    config = settings(program, task, steps)
    return short_name([config, PEER_ENVS]) if program in PEERS else fingerprint(config)


def run_bnpo(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Train a preset; return its evaluations."""
    from timed import TimedTrainer

    from bnpo.presets import build_agent, build_train_config

    trainer = TimedTrainer(build_agent(config), build_train_config(config), progress_bar=False)
    curve: list[dict[str, Any]] = []
    trainer.run(
        lambda record: curve.append(
            {
                "env_steps": record.env_steps,
                "cpu_s": round(trainer.cpu_s, 3),
                "success": record.success_rate,
                "return": round(record.mean_return, 4),
            }
        )
    )
    trainer.close()
    return curve


def run_peer(program: str, config: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Train a peer; return its evaluations."""
    import gymnasium as gym
    import sb3_contrib
    import stable_baselines3
    import torch
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    torch.set_num_threads(1)
    env_id, kwargs = config["env"], config["env_kwargs"]
    make = [lambda: gym.make(env_id, **kwargs)] * PEER_ENVS
    env = VecNormalize(DummyVecEnv(make), gamma=config["gamma"], clip_obs=5.0)
    flat = isinstance(env.observation_space, gym.spaces.Box)
    algorithm = sb3_contrib.TRPO if program == "sb3_trpo" else stable_baselines3.A2C
    model = algorithm(
        "MlpPolicy" if flat else "MultiInputPolicy",
        env,
        seed=seed,
        device="cpu",
        gamma=config["gamma"],
        **config["peer"],
    )
    callback = judge(env_id, INTERVAL, **kwargs)
    # the last rollout is whole, so steps beyond the last evaluation do not count
    model.learn(config["total_steps"], callback=callback)
    return [
        {
            "env_steps": one.env_steps,
            "cpu_s": one.cpu_s,
            "success": one.success,
            "return": one.mean_return,
        }
        for one in callback.curve
    ]


def measure(program: str, task: str, seed: int, steps: int, results: Path) -> None:
    """Run one program with one seed in a process of its own and append what it reached."""
    print(f"{task}, {program}, seed {seed} ...", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--one", program, "--tasks", task]
    command += ["--seeds", str(seed), "--steps", str(steps)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"{program}, seed {seed} failed:\n{done.stderr}", file=sys.stderr, flush=True)
        return
    with results.open("a", encoding="utf-8") as file:
        file.write(done.stdout.splitlines()[-1] + "\n")


def load(
    tasks: Sequence[str], programs: Sequence[str], steps: int, results: Path
) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Newest result of every task, program and seed under the settings of today."""
    if not results.exists():
        return {}
    rows = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    labels = {(task, one): label(one, task, steps) for task in tasks for one in programs}
    return {
        (row["task"], row["program"], row["seed"]): row
        for row in rows
        if row["settings"] == labels.get((row["task"], row["program"]))
    }


def earlier(results: Path) -> dict[tuple[str, str], dict[tuple[str, str, int], dict[str, Any]]]:
    """Results of every task and program under the settings that were measured last."""
    rows = results.read_text("utf-8").splitlines() if results.exists() else []
    parsed = [json.loads(row) for row in rows]
    newest = {(row["task"], row["program"]): row["settings"] for row in parsed}
    groups: dict[tuple[str, str], dict[tuple[str, str, int], dict[str, Any]]] = {}
    for row in parsed:
        key = row["task"], row["program"]
        if row["settings"] == newest[key]:
            groups.setdefault(key, {})[*key, row["seed"]] = row
    return groups


def lines(
    tasks: Sequence[str] = tuple(TASKS),
    programs: Sequence[str] = PROGRAMS,
    steps: int = STEPS,
    results: Path = RESULTS,
) -> Iterator[str]:
    """Markdown table: success, return and CPU seconds of every program after the last step."""
    loaded, newest = load(tasks, programs, steps, results), earlier(results)
    yield "| program | task | seeds | success | return | CPU seconds |"
    yield "|---|---|---|---|---|---|"
    for program in programs:
        for task in tasks:
            today = {key: row for key, row in loaded.items() if key[:2] == (task, program)}
            rows = today or newest.get((task, program), {})
            last = [row["curve"][-1] for (*_, seed), row in sorted(rows.items()) if seed < 100]
            if not last:
                continue
            mark = "" if today else EARLIER
            cells = [
                "" if last[0][key] is None else figure([point[key] for point in last], form)
                for key, form in (("success", "{:.2f}"), ("return", "{:.2f}"), ("cpu_s", "{:.1f}"))
            ]
            yield f"| `{program}`{mark} | {task} | {len(last)} | {' | '.join(cells)} |"


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--programs", nargs="+", default=list(PROGRAMS), choices=PROGRAMS)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--table", action="store_true", help="run nothing, print the table")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of the results")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Run what is missing and print the table."""
    options = parse()
    if options.one:
        (task,), (seed,), program = options.tasks, options.seeds, options.one
        config = settings(program, task, options.steps)
        curve = (
            run_peer(program, config, seed)
            if program in PEERS
            else run_bnpo(config | {"seed": seed})
        )
        name = label(program, task, options.steps)
        labels = {"task": task, "program": program, "seed": seed, "settings": name}
        print(json.dumps(labels | {"curve": curve}))
        return
    if not options.table:
        done = load(options.tasks, options.programs, options.steps, options.results)
        for seed in options.seeds:
            for task in options.tasks:
                for program in options.programs:
                    if (task, program, seed) not in done:
                        measure(program, task, seed, options.steps, options.results)
    print("\n".join(lines(options.tasks, options.programs, options.steps, options.results)))


if __name__ == "__main__":
    main()
