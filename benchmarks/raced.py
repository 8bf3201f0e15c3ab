"""What races left in results/, as figures and rows: of today's settings, else of earlier ones."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from medians import Median
from race import Race, by_seed, solved

ASKED = {
    "goal_reacher": {"seconds": ">= 2"},
    "fetch_reach": {"seconds": ">= 1.5"},
    "fetch_push": {"environment steps": "<= 150000"},
    "fetch_pick_and_place": {"environment steps": "<= 700000"},
    "point_maze": {"environment steps": "<= 20000"},
}
"""Bounds: how many times as fast as the peer, or steps and seconds where there is none."""


EARLIER = " (earlier settings)"
"""Says that a row was measured under settings that have changed since."""


Results = dict[int, dict[str, Any]]
"""What a program reached, by seed."""


def on_record(race: Race, program: str) -> tuple[Results, str]:
    """Results of a program of a race, and what to say of their settings."""
    today = {seed: one for (name, seed), one in race.load().items() if name == program}
    return or_earlier(today, race.path, program, race.seeds)


def or_earlier(
    today: Results, path: Path, program: str, seeds: Sequence[int]
) -> tuple[Results, str]:
    """Results of today's settings if no seed is missing, else the newest of earlier ones."""
    if set(seeds) <= set(today) or not path.exists():
        return today, ""
    lines = path.read_text(encoding="utf-8").splitlines()
    by_settings: dict[str, Results] = {}
    for one in map(json.loads, lines):
        if one["program"] == program:
            by_settings.setdefault(one["settings"], {})[one["seed"]] = one
    for results in reversed(by_settings.values()):
        if set(seeds) <= set(results):
            return results, EARLIER
    return today, ""


def points(race: Race, program: str) -> list[tuple[float, float]]:
    """Steps and seconds to solved by seed; infinity where it was not."""
    results, _ = on_record(race, program)
    curves = [results[seed]["curve"] for seed in race.seeds if seed in results]
    return [solved(curve, race.threshold) or (math.inf, math.inf) for curve in curves]


def raced(task: str, race: Race) -> Iterator[Median]:
    """Steps and seconds to solved of a race's first program, and of its peer's."""
    ours = next(iter(race.programs))
    own = medians(race, ours)
    peer = "" if race.peer is None else race.peer.name
    others = medians(race, peer)
    if own is None:
        return
    seeds, earlier = len(points(race, ours)), on_record(race, ours)[1]
    for index, unit in enumerate(("environment steps", "seconds")):
        theirs = None if others is None else others[index]
        yield Median(
            what=f"{task}, solved by {ours}, {seeds} seeds{earlier}",
            ours=own[index],
            unit=unit,
            peer=peer,
            theirs=theirs,
            ratio=None if theirs is None else theirs / own[index],
            asked=ASKED.get(task, {}).get(unit, ""),
        )


def medians(race: Race, program: str) -> tuple[float, float] | None:
    """Median steps and seconds to solved of a program over its seeds on record."""
    by_seeds = points(race, program)
    if not by_seeds:
        return None
    steps, seconds = (statistics.median(column) for column in zip(*by_seeds, strict=True))
    return steps, seconds


def by_seeds(race: Race) -> Iterator[str]:
    """Markdown table of a race: steps and seconds to solved of every program, seed by seed."""
    yield "| program | steps to solved, by seed | seconds, by seed | median steps | seconds |"
    yield "|---|---|---|---|---|"
    for program in race.names:
        found_points = points(race, program)
        if not found_points:
            continue
        earlier = on_record(race, program)[1]
        median = medians(race, program) or (math.inf, math.inf)
        columns = [[point[index] for point in found_points] for index in (0, 1)]
        cells = [
            by_seed(columns[0], "{:,}"),
            by_seed(columns[1], "{:.1f}"),
            by_seed([median[0]], "{:,.0f}"),
            by_seed([median[1]], "{:.1f}"),
        ]
        if all(map(math.isinf, columns[0])):
            cells = [f"not solved by {race.programs[program].steps:,}", "", "", ""]
        yield f"| `{program}`{earlier} | {' | '.join(cells)} |"
