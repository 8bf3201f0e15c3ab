"""The article's own brain list, unchanged, on its own task: twenty arms, 60 decisions an episode.

    python benchmarks/article_list.py                  run what is missing, print the table
    python benchmarks/article_list.py --seeds 0 1 2 3 4

Agent settings are those that follow from the list and the task (bnpo.agent.defaults), as
``bnpo.Agent.for_env("bnpo/MovingReacher-v0", bpo_brain)`` has them. *Reached* is the first
evaluation, every 20,000 arm-steps, whose mean score over 100 whole episodes is 30 or more; the
original reached it at 407,000 arm-steps (one seed). Seconds are CPU seconds of training.
Results are appended run by run to results/article_list.jsonl.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from records import as_before, short_name
from timed import TimedTrainer

from bnpo import Agent
from bnpo.brains import BrainDescription
from bnpo.config import TrainConfig

RESULTS = Path(__file__).parent / "results" / "article_list.jsonl"
SCORE, ORIGINAL = 30.0, 407_000

MAX_STEPS, BS, PPOBS = 60, 512, 2048

BPO_BRAIN = [
    BrainDescription(  # PPO smoothing
        memory_size=20 * MAX_STEPS * 5,
        batch_size=PPOBS,
        optim_pool_size=(MAX_STEPS * 80 * 10) // 3,
        optim_epochs=1,
        optim_batch_size=1 * PPOBS,
        recalc_delay=3,
        lr_actor=1e-3,
        learning_delay=1 * MAX_STEPS,
        learning_repeat=6,
        sync_delta_a=3,
        sync_delta_c=1,
        tau_actor=1e-1,
        tau_critic=1e-1,
        bellman=False,
        ppo_eps=2e-1,
        natural=False,
        mean_only=False,
        separate_actors=True,
    ),
    BrainDescription(  # D(D)PG HER exploring
        memory_size=20 * MAX_STEPS * 200,
        batch_size=BS,
        optim_pool_size=70000,
        optim_epochs=2,
        optim_batch_size=3 * BS,
        recalc_delay=5,
        lr_actor=3e-5,
        learning_delay=10,
        learning_repeat=4,
        sync_delta_a=1,
        sync_delta_c=1,
        tau_actor=1e-1,
        tau_critic=1e-1,
        bellman=True,
        ppo_eps=None,
        natural=False,
        mean_only=True,
        separate_actors=False,
    ),
]

TRAIN = TrainConfig(
    total_steps=400_000,
    eval_interval=20_000,
    eval_episodes=100,
    num_envs=20,
    train_episode_steps=MAX_STEPS,
    solve_metric="mean_score",
    solve_threshold=SCORE,
    threads=1,
)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options = parser.parse_args()
    for seed in options.seeds:
        agent = make_agent(seed)
        if (seed, settings(agent)) not in read_lines():
            line = {"seed": seed, "settings": settings(agent), **measure(agent)}
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    print(of_today(options.seeds))


def of_today(seeds: Sequence[int] = range(5)) -> str:
    """Return the table of some seeds under today's settings."""
    return table(runs_of_today(seeds))


def claim() -> str:
    """Return what the README says of the list."""
    runs = runs_of_today(range(5))
    reached = [steps_to_score(run) for run in runs]
    fell = sum(run["curve"][-1][1] < SCORE for run in runs)
    seconds = statistics.median(run["cpu_s"] for run in runs)
    there = sum(map(math.isfinite, reached))
    return (
        f"Of {len(runs)} seeds {there} follow the arms' targets at a mean score of {SCORE:g} "
        "within 400,000 arm-steps, the median after\n"
        f"{statistics.median(reached):,.0f} (the original: {ORIGINAL:,}), in {seconds:.0f} CPU "
        f"seconds for the whole run; {fell} are below it at the end\n"
        "([figures](docs/guide/hybrid.md))."
    )


def runs_of_today(seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return the runs of some seeds under today's settings."""
    today = settings(make_agent(0))
    lines = read_lines()
    return [line for (seed, mark), line in lines.items() if mark == today and seed in seeds]


def steps_to_score(run: dict[str, Any]) -> float:
    """Return the arm-steps after which a run's score was reached; infinite where it was not."""
    return next((steps for steps, score in run["curve"] if score >= SCORE), math.inf)


def make_agent(seed: int) -> Agent:
    """Return an agent with the article's list and the settings that follow from it."""
    return Agent.for_env("bnpo/MovingReacher-v0", BPO_BRAIN, seed=seed)


def settings(agent: Agent) -> str:
    """Name of everything but the seed that decides a run."""
    parts: list[Any] = [*BPO_BRAIN, agent.config, TRAIN]
    return short_name([as_before(dataclasses.asdict(part)) for part in parts])


def read_lines() -> dict[tuple[int, str], dict[str, Any]]:
    """Read the runs that are there, by seed and settings."""
    if not RESULTS.exists():
        return {}
    lines = [json.loads(text) for text in RESULTS.read_text(encoding="utf-8").splitlines()]
    return {(line["seed"], line["settings"]): line for line in lines}


def measure(agent: Agent) -> dict[str, Any]:
    """Train, and return the curve of mean scores."""
    trainer = TimedTrainer(agent, TRAIN, progress_bar=False)
    try:
        history = trainer.run()
    finally:
        trainer.close()
    curve = [(record.env_steps, round(record.mean_score or 0.0, 2)) for record in history]
    return {"cpu_s": round(trainer.cpu_s, 1), "curve": curve}


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown table: where the score reached 30, the best and the last score of each seed."""
    text = [
        "| seed | arm-steps to mean score 30 | best | last | CPU s |",
        "|---|---|---|---|---|",
    ]
    reached = []
    for line in sorted(lines, key=lambda line: int(line["seed"])):
        scores = [score for _, score in line["curve"]]
        steps = steps_to_score(line)
        reached.append(steps)
        there = math.isfinite(steps)
        where = f"{steps:,}" if there else f"not by {line['curve'][-1][0]:,}"
        ends = f"{max(scores):.1f} | {scores[-1]:.1f} | {line['cpu_s']:.0f}"
        text.append(f"| {line['seed']} | {where} | {ends} |")
    if reached:
        text.append(f"| **median** | **{statistics.median(reached):,.0f}** | | | |")
    return "\n".join([*text, f"| original, one seed | {ORIGINAL:,} | 30.8 | 30.8 | 3,860 |"])


if __name__ == "__main__":
    main()
