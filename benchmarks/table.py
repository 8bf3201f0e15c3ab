"""Everything that the benchmarks left in results/, as tables of the documents.

    python benchmarks/table.py          write the tables; nothing is measured
    python benchmarks/table.py --check  fail where they are out of date

Learning is read from the runs on record under the settings of today; where there are none, from
the newest ones of earlier settings, and the row says so. All else is the newest that each benchmark
left.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import article_list
import free_rollouts
import gps
import gps_plans
import hybrid_peers
import hybrid_study
import jax_race
import jax_tasks
import moving_reacher
import on_policy_peers
import on_policy_search
import reacher_v5
import rules
import self_play
from learning import RACES
from medians import RESULTS, Median, figure, found, row
from raced import EARLIER, by_seeds, or_earlier, points, raced

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


SLOWEST = 383_000
"""Arm-steps to mean score 30 of the article's original, on another build of the environment."""


def followed() -> Iterator[Median]:
    """Arm-steps and seconds to mean score 30 on the moving Reacher, medians over seeds."""
    results, earlier = or_earlier(
        moving_reacher.load(), moving_reacher.RESULTS, moving_reacher.PROGRAM, range(5)
    )
    points = []
    for one in results.values():
        reached = [(steps, s) for steps, s, score in one["curve"] if score >= moving_reacher.SCORE]
        points.append(reached[0] if reached else (math.inf, math.inf))
    if points:
        steps, seconds = (statistics.median(column) for column in zip(*points, strict=True))
        what = f"moving_reacher, 20 arms, to mean score 30, {len(points)} seeds{earlier}"
        yield Median(what=what, ours=steps, unit="arm-steps", asked=f"<= {SLOWEST}")
        yield Median(what=what, ours=seconds, unit="seconds", asked="<= 300")


def dense() -> Iterator[Median]:
    """Steps and CPU seconds of PPO to the threshold on Gymnasium's Reacher-v5, and of its peer."""
    loaded = reacher_v5.load()
    columns: dict[str, list[float]] = {}
    said = ""
    for program in reacher_v5.PROGRAMS:
        today = {seed: one for (name, seed), one in loaded.items() if name == program}
        results, earlier = or_earlier(today, reacher_v5.RESULTS, program, range(5))
        if len(results) < 5:
            continue
        said = said or earlier
        never = (math.inf,) * 3
        reached = [reacher_v5.solved(one["curve"]) or never for one in results.values()]
        columns[program] = [statistics.median(column) for column in zip(*reached, strict=True)]
    what = f"Reacher-v5 to {reacher_v5.THRESHOLD:g} by ppo, 5 seeds{said}"
    for peer, asked in ((reacher_v5.PEER, ">= 2"), (reacher_v5.LEAN, ">= 1.3")):
        if not {"ppo", peer} <= columns.keys():
            continue
        for index, (unit, bound) in enumerate(
            (("environment steps", ">= 1"), ("CPU seconds", asked))
        ):
            ours, theirs = columns["ppo"][index], columns[peer][index]
            yield Median(
                what=what,
                ours=ours,
                unit=unit,
                peer=peer,
                theirs=theirs,
                ratio=theirs / ours,
                asked=bound,
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


def ruled() -> Iterator[str]:
    """Markdown table of every learning rule at equal steps."""
    from bnpo.presets import PRESETS

    presets = [name for name, one in PRESETS.items() if "opponents" not in one]
    seeds = [0, 1, 2, 3, 4]
    today = rules.load(presets, rules.STEPS, rules.RESULTS)
    newest: dict[str, str] = {}
    rows = [json.loads(line) for line in rules.RESULTS.read_text(encoding="utf-8").splitlines()]
    for one in rows:
        newest[one["preset"]] = one["settings"]
    known = {preset for preset, _ in today}
    missing = {preset for preset in newest if preset in presets and preset not in known}
    before = {
        (one["preset"], one["seed"]): one
        for one in rows
        if one["preset"] in missing and one["settings"] == newest[one["preset"]]
    }
    for line in rules.lines(presets, seeds, today | before):
        name = line.split("`")[1] if "`" in line else ""
        yield line.replace(f"`{name}`", f"`{name}`{EARLIER}") if name in missing else line


def everything() -> list[Median]:
    """Return every figure beside its peer's, learning first."""
    learnt = [median for task, race in RACES.items() for median in raced(task, race)]
    return [*jax_race.figures(), *learnt, *followed(), *dense(), *studied(), *left()]


SPEED = ("learning step", "ppo on", "Reacher-v5 to", "pool by TD", "pool by imp", "insert", "HER,")
"""What the page on speed shows of the figures, beside the races against SBX."""


def speed() -> list[str]:
    """Return the rows of the figures that are about speed alone."""
    rows = [one for one in everything() if one.what.startswith(SPEED)]
    return [*HEADER, *map(row, [*jax_race.figures(), *rows])]


HEADER = ("| what | ours | peer | ratio | asked |", "|---|---|---|---|---|")


def headline() -> list[str]:
    """Return the README's four rows: task, ours, best peer, ratio."""
    table = everything()

    def find(start: str, unit: str) -> Median:
        named = [one for one in table if one.what.startswith(start)]
        about = [one for one in named if one.unit == unit] or [
            one for one in named if one.unit == "seconds"
        ]
        return min(about, key=lambda one: one.ratio or math.inf)  # beside the best peer

    followed_by_original = replace(
        find("moving_reacher", "arm-steps"), peer="the article, another build", theirs=SLOWEST
    )
    rows = {
        "sparse goal Reacher, `bpo`": find("goal_reacher, solved by bpo", "CPU seconds"),
        "FetchReach, `bpo`": find("fetch_reach, solved by bpo", "CPU seconds"),
        "Reacher-v5 to −5, `ppo`": find("Reacher-v5", "CPU seconds"),
        "twenty arms to score 30, `bpo`": followed_by_original,
    }
    lines = ["| task, median of 5 seeds | ours | best peer | ratio |", "|---|---|---|---|"]
    for task, one in rows.items():
        if one.theirs is None:
            raise SystemExit(f"{one.what}: no peer on record")
        peer = PEERS.get(one.peer, one.peer)
        earlier = EARLIER if EARLIER in one.what else ""
        lines.append(
            f"| {task}{earlier} | {figure(one.ours)} {one.unit} | {peer}: {figure(one.theirs)} | "
            f"{one.theirs / one.ours:.2f} |"
        )
    return lines


PEERS = {
    "sbx_td3_her": "SBX TD3+HER",
    "sbx_sac_her": "SBX SAC+HER",
    "lean_ppo": "a lean loop of PyTorch",
    "sb3_sac_her": "Stable-Baselines3 SAC+HER",
    "sb3_ddpg_her": "Stable-Baselines3 DDPG+HER",
    "sb3_ppo": "Stable-Baselines3 PPO",
}
"""What a peer is called where there is room for it."""

TABLE = re.compile(r"(<!-- (\w+)((?: \w+)*): make bench-table -->\n).*?(<!-- end -->)", re.DOTALL)
"""Place of a table in a document: its name and, where not all rows are wanted, the presets."""


WHOLE = ("races", "free", "claim", "jax")
"""What is more than one table, of which no rows are left out."""


def tables() -> dict[str, str]:
    """Return all tables by name, as Markdown."""
    hybrid = hybrid_study.of_today() | hybrid_peers.of_today()
    races = (
        "\n".join([f"### `{task}`", "", *by_seeds(race)])
        for task, race in RACES.items()
        if any(points(race, program) for program in race.names)
    )
    return {
        "headline": "\n".join(headline()),
        "races": "\n\n".join(races),
        "jax": "\n\n".join(
            "\n".join([f"### `{task}`", "", jax_race.table(task)])
            for task in jax_tasks.TASKS
            if jax_race.reached(task, jax_race.SEEDS)
        ),
        "speed": "\n".join(speed()),
        "figures": "\n".join([*HEADER, *map(row, everything())]),
        "rules": "\n".join(ruled()),
        "hybrid": "\n".join(hybrid_study.tasks(hybrid)),
        "suite": "\n".join(hybrid_study.suite(hybrid)),
        "health": "\n".join(hybrid_study.health(hybrid_study.of_today())),
        "ablations": "\n".join(hybrid_study.tasks(hybrid_study.of_today("ablations"))),
        "article": article_list.of_today(),
        "claim": article_list.claim(),
        "peers": "\n".join(on_policy_peers.lines()),
        "search": "\n".join(on_policy_search.lines("trpo", "reacher_v5")),
        "selfplay": "\n".join(self_play.lines()),
        "gps": "\n".join(gps.lines()),
        "plans": "\n".join(gps_plans.lines()),
        "free": "\n".join(free_rollouts.lines(free_rollouts.RESULTS)),
    }


def some(table: str, presets: Sequence[str]) -> str:
    """Return the rows of a table that are about presets; all of them if none is named."""
    lines = table.split("\n")
    wanted = tuple(f"| `{preset}`" for preset in presets)
    return "\n".join(lines[:2] + [line for line in lines[2:] if line.startswith(wanted or "|")])


def main() -> int:
    """Write the tables, or say which documents are out of date."""
    texts = tables()

    def renew(place: re.Match[str]) -> str:
        text = texts[place[2]] if place[2] in WHOLE else some(texts[place[2]], place[3].split())
        return f"{place[1]}{text}\n{place[4]}"

    checks = "--check" in sys.argv[1:]
    old = 0
    for path in (README, *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text(encoding="utf-8")
        renewed = TABLE.sub(renew, text)
        if renewed == text:
            continue
        old += 1
        if checks:
            print(f"{path.relative_to(ROOT)} is out of date: run make bench-table")
        else:
            path.write_text(renewed, encoding="utf-8")
            print(f"{path.relative_to(ROOT)} written")
    return int(bool(old) and checks)


if __name__ == "__main__":
    sys.exit(main())
