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
from learning import RACES
from medians import RESULTS, Median, found, show
from race import Race, solved

ASKED = {"goal_reacher": ">= 2", "fetch_reach": ">= 1.5"}
"""How many times as fast as the peer a task is to be solved."""

SLOWEST = 383_000
"""Arm-steps to mean score 30 of the article's original, on another build of the environment."""


def raced(task: str, race: Race) -> Iterator[Median]:
    """Seconds and steps to solved of a race's first program beside its peer, medians over seeds."""
    rows = race.load()
    columns: dict[str, tuple[float, float]] = {}
    seeds = []
    for name in (next(iter(race.programs)), race.peer.name):
        points = []
        for seed in race.seeds:
            if (name, seed) in rows:
                point = solved(rows[name, seed]["curve"], race.threshold)
                points.append(point or (math.inf, math.inf))
        if not points:
            return
        seeds.append(len(points))
        steps, seconds = (statistics.median(column) for column in zip(*points, strict=True))
        columns[name] = steps, seconds
    (ours, own), (peer, others) = columns.items()
    what = f"{task}, solved by {ours}, {min(seeds)} seeds"
    for index, unit in enumerate(("environment steps", "seconds")):
        yield Median(
            what=what,
            ours=own[index],
            unit=unit,
            peer=peer,
            theirs=others[index],
            ratio=others[index] / own[index] if own[index] < math.inf else 0.0,
            asked=ASKED.get(task, "") if unit == "seconds" else "",
        )


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


def left() -> Iterator[Median]:
    """Medians of every benchmark that left some."""
    for path in sorted(RESULTS.glob("*.jsonl")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        if first and "what" in json.loads(first):
            yield from found(path.stem)


def main() -> None:
    """Print the table."""
    learnt = [median for task, race in RACES.items() for median in raced(task, race)]
    show([*learnt, *followed(), *left()])


if __name__ == "__main__":
    main()
