"""Self-play on the hockey Reacher: against the scripted player and against past selves.

    python benchmarks/self_play.py                        run what is missing, print the table
    python benchmarks/self_play.py --shares 0.2 --seeds 0
    python benchmarks/self_play.py --table                print what is there

The preset ``self_play`` on ``hockey_reacher``, with a fifth of the games against past selves and
with none. At every evaluation, 100 games of the mean action against the scripted player: the share
won of those that ended with a goal. In the end the newest past self against every one of the first
half of the run, 16 games each: the least share won of the decided ones. Results are appended run by
run to results/self_play.jsonl; what stands there for the settings of today is not run again. The
settings were chosen on seed 100, whose rows say what was tried.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from records import fingerprint

RESULTS = Path(__file__).parent / "results" / "self_play.jsonl"
STEPS = 12_000_000
EVALUATIONS = 20
EPISODES = 100


def settings(share: float, steps: int, own: dict[str, Any]) -> dict[str, Any]:
    """Everything but the seed that decides a run."""
    from bnpo.compose.composition import compose

    every = steps // EVALUATIONS
    run = {"total_steps": steps, "eval_interval": every, "eval_episodes": EPISODES}
    opponents = {"past_share": share, "pool_size": 20, "interval": every, "games": 16}
    return compose(["self_play", "hockey_reacher"], {**run, "opponents": opponents, **own})


def games(agent: Any) -> dict[str, int]:
    """Play the mean action against the scripted player on the evaluation seeds."""
    from bnpo.envs import make_vector_env
    from bnpo.training.self_play.matches import play_matches

    env = make_vector_env(agent.spec.env_id, EPISODES, threads=1)
    (match,) = play_matches(env.unwrapped, agent.policy, [None], EPISODES)
    env.close()
    return {"won": match.won, "lost": match.lost, "drawn": match.drawn}


def run(share: float, seed: int, steps: int, own: dict[str, Any]) -> dict[str, Any]:
    """Train against itself; return games and ratings over the run."""
    from timed import TimedTrainer

    from bnpo.presets import build_agent, build_train_config

    config = settings(share, steps, own)
    agent = build_agent(config | {"seed": seed})
    trainer = TimedTrainer(agent, build_train_config(config), progress_bar=False)
    curve: list[dict[str, Any]] = []
    started = time.perf_counter()

    def note(record: Any) -> None:
        figures = record.brains["opponents"]
        told = {key: round(figures[key], 2) for key in ("elo", "elo_margin") if key in figures}
        at = {"env_steps": record.env_steps, "cpu_s": round(trainer.cpu_s, 1)}
        curve.append(at | told | games(agent))
        print(curve[-1], round(time.perf_counter() - started), file=sys.stderr, flush=True)

    trainer.run(note)
    table = trainer.games or {}
    trainer.close()
    early = [
        row
        for row, name in enumerate(table["players"])
        if name.isdigit() and int(name) <= steps // 2 and row != len(table["players"]) - 1
    ]
    won = [(table["wins"][-1][row], table["wins"][row][-1]) for row in early]
    shares = [ours / (ours + theirs) for ours, theirs in won if ours + theirs]
    return {"curve": curve, "least_share_past": round(min(shares), 3) if shares else None}


def decided(point: dict[str, Any]) -> float:
    """Share won of the games that ended with a goal; 0 where none did."""
    goals = point["won"] + point["lost"]
    return point["won"] / goals if goals else 0.0


def lines(results: Path = RESULTS) -> Iterator[str]:
    """Table of today's settings: share of decided games, least share of past selves, Elo."""
    if not results.exists():
        yield "No run is on record yet."
        return
    yield "| past selves | seed | steps | won of decided, scripted | least, past selves | Elo |"
    yield "|---|---|---|---|---|---|"
    rows = results.read_text("utf-8").splitlines()
    newest = {
        (row["share"], row["seed"], row["steps"]): row
        for row in map(json.loads, rows)
        if row["settings"] == fingerprint(settings(row["share"], row["steps"], {}))
    }
    for (share, seed, steps), row in sorted(newest.items()):
        last = row["curve"][-1]
        goals = last["won"] + last["lost"]
        least = row["least_share_past"]
        yield (
            f"| {share:.0%} | {seed} | {steps:,} | {decided(last):.2f} of {goals} | "
            f"{'' if least is None else f'{least:.2f}'} | {last['elo']:.0f} ± "
            f"{last['elo_margin']:.0f} |"
        )


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.2, 0.0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--own", type=json.loads, default={}, help="settings over the preset, JSON")
    parser.add_argument("--table", action="store_true", help="run nothing, print the table")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of the results")
    options = parser.parse_args()
    if not options.table:
        rows = options.results.read_text("utf-8").splitlines() if options.results.exists() else []
        done = {(row["settings"], row["seed"]) for row in map(json.loads, rows)}
        for seed in options.seeds:
            for share in options.shares:
                name = fingerprint(settings(share, options.steps, options.own))
                if (name, seed) in done:
                    continue
                labels = {"share": share, "seed": seed, "steps": options.steps, "settings": name}
                row = labels | run(share, seed, options.steps, options.own)
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    print("\n".join(lines(options.results)))


if __name__ == "__main__":
    main()
