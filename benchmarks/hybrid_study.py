"""The study of the hybrid, run by run: what studies/hybrid.yaml names, seed after seed.

    python benchmarks/hybrid_study.py                        run what is missing, print the tables
    python benchmarks/hybrid_study.py --seeds 0 1 --presets ppo ddpg_her
    python benchmarks/hybrid_study.py --plan ablations       studies/hybrid_ablations.yaml
    python benchmarks/hybrid_study.py --table                run nothing

The runs are those of ``bnpo study with studies/hybrid.yaml``, number for number; here each is
appended to results/hybrid_study.jsonl when it ends, with its curve and the CPU seconds of its
training, and what stands there for today's settings is not run again. A run's score is the mean of
its evaluations (the normalised area under its learning curve): success rate, mean score by the
oracle's where the task counts targets, or mean return between two known ones where there is no
goal. ``final`` is the mean of the last three evaluations.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from records import fingerprint

from bnpo.study.plan import Job, StudyPlan, read_plan
from bnpo.study.statistics import interquartile_mean, probability_of_improvement
from bnpo.types.history import Record

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "hybrid_study.jsonl"

PLANS = {"hybrid": "hybrid.yaml", "ablations": "hybrid_ablations.yaml"}
"""Files of ``studies/`` by name."""

HYBRID, HALVES = "bpo", ("ppo", "ddpg_her")

ORACLE_SCORE = 38.8
"""Mean score of the moving arms' oracle (benchmarks/moving_reacher.py)."""

RETURNS = {"reacher_v5": (-12.0, -4.0), "pendulum": (-1_200.0, -150.0)}
"""Returns of score 0 and 1 on a task without goals: nothing learnt, and a good policy."""

LAST = 3
"""Evaluations of which the final figure is the mean."""

Line = dict[str, Any]

Groups = dict[tuple[str, str], list[Line]]
"""Runs by task and preset."""


def main() -> int:
    """Run what is missing, then print the tables."""
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--plan", choices=PLANS, default="hybrid", help="which file of studies/")
    jobs = planned(first.parse_known_args()[0].plan)
    options = arguments(jobs, first)
    chosen = [
        job
        for job in sorted(jobs, key=lambda job: job.seed)
        if job.preset in options.presets and job.task in options.tasks and job.seed in options.seeds
    ]
    lines = read_lines()
    if not options.table:
        for job in chosen:
            if key(job) not in lines:
                lines[key(job)] = line = measure(job)
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                final = f"final {line['final']:.3f}, {line['cpu_s']} CPU s"
                print(f"{job.name}: score {line['score']:.3f}, {final}", flush=True)
    groups = grouped([lines[key(job)] for job in chosen if key(job) in lines])
    print("\n\n".join(("\n".join(tasks(groups)), "\n".join(suite(groups)))))
    return 0


def planned(plan: str) -> list[Job]:
    """Return the runs of a plan."""
    path = ROOT / "studies" / PLANS[plan]
    return StudyPlan(**read_plan(path, StudyPlan, "study")).jobs()


def arguments(jobs: list[Job], first: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[first],
    )
    for name, kind in (("preset", str), ("task", str), ("seed", int)):
        values = list(dict.fromkeys(getattr(job, name) for job in jobs))
        parser.add_argument(f"--{name}s", nargs="+", type=kind, default=values, choices=values)
    parser.add_argument("--table", action="store_true", help="run nothing")
    return parser.parse_args()


def key(job: Job) -> tuple[str, str, int, str]:
    """Name of a run with its settings."""
    return job.preset, job.task, job.seed, fingerprint(job.config)


def read_lines(path: Path = RESULTS) -> dict[tuple[str, str, int, str], Line]:
    """Read the runs that are there, by name and settings."""
    if not path.exists():
        return {}
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    return {(one["preset"], one["task"], one["seed"], one["settings"]): one for one in lines}


def measure(job: Job) -> Line:
    """Train one run and return its line."""
    from timed import TimedTrainer

    from bnpo.presets import build_agent, build_train_config

    trainer = TimedTrainer(
        build_agent(job.config), build_train_config(job.config), progress_bar=False
    )
    try:
        history = trainer.run()
    finally:
        trainer.close()
    values = [score(job.task, record) for record in history]
    return {
        "preset": job.preset,
        "task": job.task,
        "seed": job.seed,
        "settings": key(job)[-1],
        "cpu_s": round(trainer.cpu_s, 1),
        "steps": [record.env_steps for record in history],
        "values": [None if value is None else round(value, 4) for value in values],
        "returns": [round(record.mean_return, 3) for record in history],
        "score": float(np.mean([value or 0.0 for value in values])),
        "final": float(np.mean([value or 0.0 for value in values[-LAST:]])),
        "brains": {
            brain: {name: round(value, 4) for name, value in info.items()}
            for brain, info in history[-1].brains.items()
        },
    }


def score(task: str, record: Record) -> float | None:
    """Return what an evaluation counts: 0 for nothing learnt, 1 for the best that is known."""
    if record.mean_score is not None:
        return record.mean_score / ORACLE_SCORE
    return scored(task, record.success_rate, record.mean_return)


def scored(task: str, success: float | None, mean_return: float) -> float | None:
    """Return what success, or where there are no goals the mean return, counts on a task."""
    if task in RETURNS:
        low, high = RETURNS[task]
        return (mean_return - low) / (high - low)
    return success


def of_today(plan: str = "hybrid") -> Groups:
    """Return all runs of a plan that are there for today's settings."""
    lines = read_lines()
    return grouped([lines[key(job)] for job in planned(plan) if key(job) in lines])


def grouped(lines: list[Line]) -> Groups:
    """Return runs by task and preset."""
    groups: Groups = {}
    for line in lines:
        groups.setdefault((line["task"], line["preset"]), []).append(line)
    return groups


def solved_at(line: Line, threshold: float = 0.95) -> float:
    """Environment steps at the first of two evaluations in a row at the threshold, or inf."""
    points = list(zip(line["steps"], line["values"], strict=True))
    for (step, value), (_, following) in pairwise(points):
        if value is not None and following is not None and min(value, following) >= threshold:
            return float(step)
    return float("inf")


def tasks(groups: Groups) -> list[str]:
    """Return the table of every preset on every task."""
    return [
        "| task | preset | seeds | score (IQM, 95 %) | final | to 0.95 | CPU s | P(bpo better) |",
        "|---|---|---|---|---|---|---|---|",
        *(
            task_row(groups, task, preset)
            for task in dict.fromkeys(task for task, _ in groups)
            for preset in dict.fromkeys(preset for _, preset in groups)
            if (task, preset) in groups
        ),
    ]


def suite(groups: Groups) -> list[str]:
    """Return the table of every preset over all tasks that it ran on."""
    every = list(dict.fromkeys(task for task, _ in groups))
    presets = dict.fromkeys(preset for _, preset in groups)
    return [
        "| suite | tasks | score (IQM, 95 %) | P(bpo better) |",
        "|---|---|---|---|",
        *(suite_row(groups, every, preset) for preset in presets),
    ]


def health(groups: Groups) -> list[str]:
    """Return the table of what the hybrid's brains told at the end: medians over the seeds."""
    return [
        "| task | PPO's effective samples | baseline error / spread | explained variance "
        "| KL a turn: PPO | DDPG |",
        "|---|---|---|---|---|---|",
        *(
            f"| {task} | {' | '.join(f'{one:.2g}' for one in told(groups[task, HYBRID]))} |"
            for task in dict.fromkeys(task for task, _ in groups)
            if (task, HYBRID) in groups
        ),
    ]


def told(runs: list[Line]) -> list[float]:
    """Return the figures of a row of :func:`health`."""
    ratio, pathwise = ([run["brains"][name] for run in runs] for name in ("ppo", "ddpg"))
    columns = [
        [one["effective_sample_share"] for one in ratio],
        [abs(one["value_error"]) / one["return_spread"] for one in ratio],
        [one["explained_variance"] for one in ratio],
        [one["kl_turn"] for one in ratio],
        [one["kl_turn"] for one in pathwise],
    ]
    return [statistics.median(column) for column in columns]


def task_row(groups: Groups, task: str, preset: str) -> str:
    """Return a preset's row on one task."""
    runs = groups[task, preset]
    solved = statistics.median(solved_at(line) for line in runs)
    cells = [
        task,
        f"`{preset}`",
        str(len(runs)),
        _interval(interquartile_mean([_scores(runs)])),
        f"{float(np.mean([line['final'] for line in runs])):.2f}",
        f"{solved:,.0f}" if np.isfinite(solved) else "-",
        f"{statistics.median(line['cpu_s'] for line in runs):.0f}",
        _better(groups, [task], preset),
    ]
    return f"| {' | '.join(cells)} |"


def suite_row(groups: Groups, tasks: list[str], preset: str) -> str:
    """Return a preset's row over all tasks that it ran on."""
    ran = [task for task in tasks if (task, preset) in groups]
    mean = interquartile_mean([_scores(groups[task, preset]) for task in ran])
    better = _better(groups, ran, preset)
    return f"| `{preset}` | {len(ran)} | {_interval(mean)} | {better} |"


def _better(groups: Groups, tasks: list[str], preset: str) -> str:
    """Probability that a run of the hybrid scores higher than one of the preset."""
    both = [task for task in tasks if (task, HYBRID) in groups]
    if preset == HYBRID or not both:
        return ""
    return _interval(
        probability_of_improvement(
            [_scores(groups[task, HYBRID]) for task in both],
            [_scores(groups[task, preset]) for task in both],
        )
    )


def _scores(runs: list[Line]) -> Any:
    return np.array([line["score"] for line in runs])


def _interval(one: Any) -> str:
    if np.isnan(one.low):  # of one run
        return f"{float(one.value):.2f}"
    return f"{float(one.value):.2f} [{float(one.low):.2f}, {float(one.high):.2f}]"


if __name__ == "__main__":
    sys.exit(main())
