"""Rollout workers that wait for nobody: speed by number, a slow one, kills, and what PPO learns.

    python benchmarks/free_rollouts.py                   run what is missing, print the tables
    python benchmarks/free_rollouts.py --parts scaling kills
    python benchmarks/free_rollouts.py --table           print what is there

On the goal Reacher with its dense reward; ``ppo`` learns all the while, with ``rollouts="ray"``,
``overlap="free"`` and ``max_staleness=4``.

* scaling: environment steps per second of 1, 2, 4 and 8 workers with an environment each, which
  takes 20 ms a step; the share is that of as many times the speed of one worker.
* slow: eight workers, one of which takes ten times as long; the share is the speed of the median of
  the others, of that without the slow one, in runs that alternate.
* kills: twenty times one of four workers is killed. An environment counts its own steps in a file.
  Segments are of 50 steps (no staleness cuts them here), so that a worker which took s steps had
  finished 50 floor(s / 50) of them; lost is what was finished and never came, open is what was lost
  with open segments.
* learning: success and return after 100,000 steps on eight environments, beside the synchronous
  form, seed by seed.

Results are appended run by run to results/free_rollouts.jsonl; the newest of each counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results" / "free_rollouts.jsonl"
PARTS = ("scaling", "slow", "kills", "learning")
COUNTS = (1, 2, 4, 8)
PAUSE = 0.02
SECONDS = 20.0
"""Seconds over which a speed is measured."""
ROUNDS = 3
"""Pairs of runs with a slow worker and without."""
KILLS = 20
SEGMENT = 50
STEPS = 100_000
FREE: dict[str, Any] = {"rollouts": "ray", "overlap": "free", "max_staleness": 4}


def trainer_of(workers: int, folder: str, staleness: int = 4, **env: Any) -> Any:
    """Trainer of ``ppo`` on as many pausing environments as workers."""
    import pausing_env

    from bnpo import Trainer
    from bnpo.compose.composition import compose
    from bnpo.presets import build_agent, build_train_config

    kwargs = {"reward_type": "dense", "pause": PAUSE, "folder": folder, "learner": os.getpid()}
    config = compose(
        ["ppo", "goal_reacher"],
        {
            **FREE,
            "env": pausing_env.ENV_ID,
            "env_kwargs": {**kwargs, **env},
            "num_envs": workers,
            "rollout_workers": workers,
            "max_staleness": staleness,
            "total_steps": 10**9,
            "worker_restarts": KILLS + 1,
        },
    )
    return Trainer(build_agent(config), build_train_config(config), progress_bar=False)


def train_for(trainer: Any, seconds: float) -> None:
    """Let the learner learn for some seconds."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        trainer.step()


def speeds(workers: int, slow: float = 1.0) -> list[float]:
    """Environment steps per second of every worker while the learner learns."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(workers, folder, slow=slow)
        train_for(trainer, 5.0)
        before, started = trainer.env.steps_of.copy(), time.perf_counter()
        train_for(trainer, SECONDS)
        made = trainer.env.steps_of - before
        found = [float(steps) for steps in made / (time.perf_counter() - started)]
        trainer.close()
    return found


def scaling() -> Iterator[dict[str, Any]]:
    """Speed by number of workers."""
    for count in COUNTS:
        yield {"workers": count, "steps_per_second": round(sum(speeds(count)), 2)}


def slow() -> Iterator[dict[str, Any]]:
    """Speed of seven workers beside one that is as quick, and beside one ten times slower."""
    found: dict[float, list[float]] = {1.0: [], 10.0: []}
    for factor in (1.0, 10.0) * ROUNDS:
        found[factor].append(sorted(speeds(8, factor))[4])  # the middle one of the quicker seven
    for factor, middle in found.items():
        yield {"factor": factor, "steps_per_second": [round(one, 2) for one in middle]}


def kills() -> Iterator[dict[str, Any]]:
    """What is lost with twenty workers that are killed."""
    import numpy as np
    import ray

    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(4, folder, staleness=10_000, episode_steps=SEGMENT)
        env, arrived = trainer.env, 0
        draw = np.random.default_rng(0)
        take = env.next

        def counted() -> Any:
            nonlocal arrived
            delivery = take()
            arrived += delivery.transitions
            return delivery

        env.next = counted
        at_start = env.steps_of.copy()
        for number in range(KILLS):
            train_for(trainer, float(draw.uniform(1.0, 3.0)))
            one = int(draw.integers(4))
            while env.steps_of[one] == at_start[one]:  # its last replacement is not at work yet
                trainer.step()
            ray.kill(env.workers[one])
            while env.replaced == number:
                trainer.step()
            at_start[one] = env.steps_of[one]
        train_for(trainer, 5.0)
        trainer.close()
        while not env.arrived_all():
            arrived += take().transitions
        taken = [int(np.memmap(path, np.int64)[0]) for path in Path(folder).glob("*.steps")]
    finished = sum(SEGMENT * (steps // SEGMENT) for steps in taken)
    yield {
        "kills": env.replaced,
        "steps_taken": sum(taken),
        "steps_arrived": arrived,
        "finished_and_lost": finished - arrived,
        "lost_with_open_segments": sum(taken) - finished,
    }


def learning(seeds: list[int], done: set[tuple[str, int]]) -> Iterator[dict[str, Any]]:
    """What PPO reaches by free workers and by the synchronous form."""
    from bnpo import Trainer
    from bnpo.compose.composition import compose
    from bnpo.presets import build_agent, build_train_config

    forms: dict[str, dict[str, Any]] = {"off": {}, "free": {**FREE, "rollout_workers": 4}}
    for seed in seeds:
        for form, fields in forms.items():
            if (form, seed) in done:
                continue
            run = {"total_steps": STEPS, "eval_interval": STEPS // 5, "eval_episodes": 100}
            own = {"env_kwargs": {"reward_type": "dense"}, "seed": seed}
            config = compose(["ppo", "goal_reacher"], {**run, **own, **fields})
            trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
            history = trainer.run()
            last = history[-1]
            trainer.close()
            yield {
                "form": form,
                "seed": seed,
                "success": last.success_rate,
                "return": round(last.mean_return, 4),
                "wall_s": round(last.wall_s, 2),
                "policy_lag": max(record.policy_lag for record in history),
                "segments_dropped": last.brains.get("rollouts", {}).get("segments_dropped", 0.0),
            }


def rows(results: Path) -> list[dict[str, Any]]:
    """All that is on record."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text("utf-8").splitlines()]


def lines(results: Path) -> Iterator[str]:
    """Markdown tables of what is on record."""
    from rules import figure

    found: dict[str, dict[Any, dict[str, Any]]] = {part: {} for part in PARTS}
    for row in rows(results):
        key = {
            "scaling": row.get("workers"),
            "slow": row.get("factor"),
            "kills": 0,
            "learning": (row.get("form"), row.get("seed")),
        }
        found[row["part"]][key[row["part"]]] = row
    speed = {count: row["steps_per_second"] for count, row in found["scaling"].items()}
    if set(COUNTS) <= set(speed):
        yield "| workers | environment steps per second | share of linear |"
        yield "|---|---|---|"
        for count in COUNTS:
            yield f"| {count} | {speed[count]:.1f} | {speed[count] / (count * speed[1]):.2f} |"
    if set(found["slow"]) == {1.0, 10.0}:
        alike, beside = (found["slow"][factor]["steps_per_second"] for factor in (1.0, 10.0))
        share = median(ours / theirs for ours, theirs in zip(beside, alike, strict=True))
        yield ""
        yield f"One of eight workers ten times slower: the others keep {share:.2f} of their speed."
    for row in found["kills"].values():
        yield ""
        yield (
            f"{row['kills']} kills, {row['steps_taken']} steps taken: {row['finished_and_lost']} "
            f"lost of finished segments, {row['lost_with_open_segments']} with open ones."
        )
    seeds = sorted({seed for _, seed in found["learning"]})
    if seeds:
        yield ""
        yield "| rollouts | seeds | success | return | most versions behind |"
        yield "|---|---|---|---|---|"
    for form in ("off", "free"):
        made = [row for (name, _), row in sorted(found["learning"].items()) if name == form]
        if made:
            success = figure([row["success"] for row in made], "{:.2f}")
            returns = figure([row["return"] for row in made], "{:.2f}")
            lag = max(row["policy_lag"] for row in made)
            yield f"| {form} | {len(made)} | {success} | {returns} | {lag} |"


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--fresh", action="store_true", help="run again what has a result")
    parser.add_argument("--table", action="store_true", help="run nothing, print the tables")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of the results")
    options = parser.parse_args()
    if not options.table:
        import logging

        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # workers that sleep need no core of their own
        ray.init(
            num_cpus=8, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
        )
        known = [] if options.fresh else rows(options.results)
        done = {(row["form"], row["seed"]) for row in known if row["part"] == "learning"}
        parts = {row["part"] for row in known}
        for part in options.parts:
            if part != "learning" and part in parts:
                continue
            made = learning(options.seeds, done) if part == "learning" else globals()[part]()
            for row in made:
                print(part, row, file=sys.stderr, flush=True)
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"part": part, **row}) + "\n")
    print("\n".join(lines(options.results)))


if __name__ == "__main__":
    main()
