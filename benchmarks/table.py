"""Everything that the benchmarks left in results/, as the one table of the README.

    python benchmarks/table.py          print it; nothing is measured

Learning is read from the runs on record under the settings of today, all else from the newest
medians that each benchmark left.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator

import moving_reacher
import reacher_v5
from learning import RACES
from medians import RESULTS, Median, found, show
from race import Race, solved

ASKED = {
    "goal_reacher": {"seconds": ">= 2"},
    "fetch_reach": {"seconds": ">= 1.5"},
    "fetch_push": {"environment steps": "<= 500000", "seconds": "<= 2400"},
}
"""Bounds: how many times as fast as the peer, or steps and seconds where there is none."""

SLOWEST = 383_000
"""Arm-steps to mean score 30 of the article's original, on another build of the environment."""


def raced(task: str, race: Race) -> Iterator[Median]:
    """Steps and seconds to solved of a race's first program, and of its peer's."""
    ours = next(iter(race.programs))
    own, seeds = medians(race, ours)
    peer = "" if race.peer is None else race.peer.name
    others = medians(race, peer)[0]
    if own is None:
        return
    for index, unit in enumerate(("environment steps", "seconds")):
        theirs = None if others is None else others[index]
        yield Median(
            what=f"{task}, solved by {ours}, {seeds} seeds",
            ours=own[index],
            unit=unit,
            peer=peer,
            theirs=theirs,
            ratio=None if theirs is None else theirs / own[index],
            asked=ASKED.get(task, {}).get(unit, ""),
        )


def medians(race: Race, name: str) -> tuple[tuple[float, float] | None, int]:
    """Median steps and seconds to solved of a program over its seeds on record, and how many."""
    rows = race.load()
    curves = [rows[name, seed]["curve"] for seed in race.seeds if (name, seed) in rows]
    points = [solved(curve, race.threshold) or (math.inf, math.inf) for curve in curves]
    if not points:
        return None, 0
    steps, seconds = (statistics.median(column) for column in zip(*points, strict=True))
    return (steps, seconds), len(points)


def followed() -> Iterator[Median]:
    """Arm-steps and seconds to mean score 30 on the moving Reacher, medians over seeds."""
    points = []
    for curve in moving_reacher.load().values():
        reached = [(steps, s) for steps, s, score in curve if score >= moving_reacher.SCORE]
        points.append(reached[0] if reached else (math.inf, math.inf))
    if points:
        steps, seconds = (statistics.median(column) for column in zip(*points, strict=True))
        what = f"moving_reacher, 20 arms, to mean score 30, {len(points)} seeds"
        yield Median(what=what, ours=steps, unit="arm-steps", asked=f"<= {SLOWEST}")
        yield Median(what=what, ours=seconds, unit="seconds", asked="<= 300")


def dense() -> Iterator[Median]:
    """Steps and CPU seconds of PPO to the threshold on Gymnasium's Reacher-v5, and of its peer."""
    points: dict[str, list[tuple[float, ...]]] = {}
    for (program, _), row in reacher_v5.load().items():
        never = (math.inf,) * 3
        points.setdefault(program, []).append(reacher_v5.solved(row["curve"]) or never)
    if len(points) < len(reacher_v5.PROGRAMS):
        return
    ours, theirs = (
        [statistics.median(column) for column in zip(*points[program], strict=True)]
        for program in ("ppo", reacher_v5.PEER)
    )
    what = f"Reacher-v5 to {reacher_v5.THRESHOLD:g} by ppo, {len(points['ppo'])} seeds"
    for index, (unit, asked) in enumerate((("environment steps", ">= 1"), ("CPU seconds", ">= 2"))):
        yield Median(
            what=what,
            ours=ours[index],
            unit=unit,
            peer=reacher_v5.PEER,
            theirs=theirs[index],
            ratio=theirs[index] / ours[index],
            asked=asked,
        )


def studied() -> Iterator[Median]:
    """Seconds of the last study beside the same runs one after the other."""
    path = RESULTS / "study.jsonl"
    if path.exists():
        row = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        runs = len(row["presets"]) * len(row["tasks"]) * row["seeds"]
        yield Median(
            what=f"study of {runs} runs, {row['workers']} at a time",
            ours=row["seconds_study"],
            unit="seconds",
            peer="one after the other",
            theirs=row["seconds_alone"],
            ratio=row["speed_up"],
            asked=">= 1.8",
        )


def left() -> Iterator[Median]:
    """Medians of every benchmark that left some."""
    for path in sorted(RESULTS.glob("*.jsonl")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        if first and "what" in json.loads(first):
            yield from found(path.stem)


def main() -> None:
    """Print the table."""
    learnt = [median for task, race in RACES.items() for median in raced(task, race)]
    show([*learnt, *followed(), *dense(), *studied(), *left()])


if __name__ == "__main__":
    main()
