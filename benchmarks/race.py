"""Programs that learn one task side by side: run, judged the same way, recorded and tabulated.

Every program is judged by the mean action on 100 episodes on the same evaluation seeds, at the same
environment steps; solved is the first of two evaluations in a row at the threshold; seconds are
training without evaluation, one thread of torch each. Programs alternate within each seed, each run
in a process of its own. Results are appended run by run; what stands there for today's settings is
not run again.
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from peers import Peer, learn
from records import fingerprint, short_name

RESULTS = Path(__file__).parent / "results"
Curve = list[tuple[int, float, float]]
"""Environment steps, training seconds and the judged metric of every evaluation."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A preset with what is set beside it."""

    preset: str
    """Name of the brain list"""

    steps: int
    """Environment steps after which it has not solved the task"""

    overrides: dict[str, Any] = field(default_factory=dict)
    """Configuration by dotted names"""


@dataclass(frozen=True, kw_only=True)
class Race:
    """A task, the programs that learn it and their peer."""

    results: str
    """Name of the file below results/"""

    task: str
    """Named task of BNPO"""

    programs: dict[str, Program]
    """What is compared, by name; the first one is set against the peer"""

    interval: int
    """Environment steps between evaluations"""

    peer: Peer | None
    """Program of another library"""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds that are reported"""

    threshold: float = 0.95
    """Success rate from which on the task counts as solved"""

    @property
    def path(self) -> Path:
        """File of the results."""
        return RESULTS / f"{self.results}.jsonl"

    @property
    def names(self) -> list[str]:
        """All programs, the peer last."""
        return [*self.programs, *([self.peer.name] if self.peer else [])]

    def rival(self, name: str) -> Peer | None:
        """Return the peer if it is called so."""
        return self.peer if self.peer is not None and self.peer.name == name else None

    def settings(self, name: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
        """Everything but the seed that decides a program's result."""
        if rival := self.rival(name):
            return rival.settings
        from bnpo.compose.composition import compose

        program = self.programs[name]
        updates: dict[str, Any] = {"total_steps": program.steps, "stop_when_solved": True}
        if self.interval != 1_000:
            updates["eval_interval"] = self.interval
        updates |= program.overrides
        for override in overrides:
            key, _, value = override.partition("=")
            updates[key] = ast.literal_eval(value)
        return compose([program.preset, self.task], updates)

    def label(self, name: str, overrides: Sequence[str] = ()) -> str:
        """Short name of a program's settings."""
        settings = self.settings(name, overrides)
        if self.rival(name):
            return short_name(settings)
        return fingerprint(settings)

    def load(self, overrides: Sequence[str] = ()) -> dict[tuple[str, int], dict[str, Any]]:
        """Newest result of every program and seed under the settings of today."""
        if not self.path.exists():
            return {}
        prints = {name: self.label(name, overrides) for name in self.names}
        rows = [json.loads(line) for line in self.path.read_text().splitlines()]
        return {
            (row["program"], row["seed"]): row
            for row in rows
            if row["settings"] == prints.get(row["program"])
        }


def run(race: Race, name: str, seed: int, overrides: Sequence[str]) -> dict[str, Any]:
    """Train one program with one seed until it is solved or its steps are used up.

    ``cpu_s`` are the CPU seconds of the process and its workers, evaluation included: what a busy
    machine does not distort.
    """
    if rival := race.rival(name):
        return learn(rival, seed, interval=race.interval, threshold=race.threshold)
    from bnpo import Trainer
    from bnpo.presets import build_agent, build_train_config

    config = race.settings(name, overrides) | {"seed": seed}
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    history = trainer.run()
    trainer.close()
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    curve = [(r.env_steps, round(r.wall_s, 3), r.success_rate) for r in history]
    return {
        "gradient_steps": history[-1].gradient_steps,
        "cpu_s": round(sum(one.ru_utime + one.ru_stime for one in spent), 1),
        "curve": curve,
    }


def solved(curve: Curve, threshold: float) -> tuple[int, float] | None:
    """Steps and seconds at the first of two evaluations in a row at the threshold, or None."""
    for (steps, seconds, value), (_, _, following) in pairwise(curve):
        if min(value, following) >= threshold:
            return steps, seconds
    return None


def table(race: Race, names: list[str], seeds: list[int], overrides: Sequence[str]) -> str:
    """Markdown table: steps and seconds to solved by seed, medians, ratio to the peer."""
    results = race.load(overrides)
    medians: dict[str, float] = {}
    lines = [
        "| program | steps to solved, by seed | seconds to solved, by seed | median steps | "
        "median seconds | last success, by seed | gradient steps/s | CPU seconds, by seed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        rows = [results[name, seed] for seed in seeds if (name, seed) in results]
        points = [solved(row["curve"], race.threshold) for row in rows]
        if not rows:
            continue
        steps = [p[0] if p else float("inf") for p in points]
        seconds = [p[1] if p else float("inf") for p in points]
        medians[name] = statistics.median(seconds)
        rate = statistics.median(row["gradient_steps"] / row["curve"][-1][1] for row in rows)
        cpu = " ".join(f"{row['cpu_s']:,.0f}" if "cpu_s" in row else "-" for row in rows)
        last = " ".join(f"{row['curve'][-1][2]:.2f}" for row in rows)
        lines.append(
            f"| {name} | {by_seed(steps, '{:,}')} | {by_seed(seconds, '{:.1f}')} | "
            f"{by_seed([statistics.median(steps)], '{:,.0f}')} | "
            f"{by_seed([medians[name]], '{:.1f}')} | {last} | {rate:.0f} | {cpu} |"
        )
    first = names[0]
    lines += [
        f"\n{name} takes {seconds / medians[first]:.2f} times the seconds of {first} (medians)."
        for name, seconds in medians.items()
        if first in medians and race.rival(name)
    ]
    return "\n".join(lines)


def by_seed(values: Sequence[float], form: str) -> str:
    """Figures of the seeds in one cell; infinity: not solved."""
    return " ".join("not solved" if v == float("inf") else form.format(v) for v in values)


def measure(script: str, race: Race, task: str, name: str, seed: int, more: list[str]) -> None:
    """Run one program with one seed in a process of its own and append what it found."""
    command = [sys.executable, script, task, "--one", name, "--seeds", str(seed)]
    if more and not race.rival(name):
        command += ["--with", *more]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    RESULTS.mkdir(exist_ok=True)
    with race.path.open("a") as file:
        file.write(out.splitlines()[-1] + "\n")


def main(description: str, script: str, races: dict[str, Race]) -> None:
    """Run what is missing of a task and print its table."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=list(races), help="what is learnt")
    parser.add_argument("--seeds", type=int, nargs="+", help="default: the seeds reported")
    parser.add_argument("--programs", nargs="+", help="default: all")
    parser.add_argument("--with", dest="overrides", nargs="+", default=[], help="key=value ...")
    parser.add_argument("--fresh", action="store_true", help="run again what has a result")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    race = races[options.task]
    seeds = options.seeds or list(race.seeds)
    names = options.programs or race.names
    if unknown := set(names) - set(race.names):
        parser.error(f"--programs {' '.join(unknown)}: allowed are {', '.join(race.names)}")
    if options.one:
        labels = {"program": options.one, "seed": seeds[0]}
        labels["settings"] = race.label(options.one, options.overrides)
        print(json.dumps(labels | run(race, options.one, seeds[0], options.overrides)))
        return
    done = {} if options.fresh else race.load(options.overrides)
    for seed in seeds:
        for name in names:
            if (name, seed) not in done:
                print(f"{name}, seed {seed} ...", file=sys.stderr, flush=True)
                measure(script, race, options.task, name, seed, options.overrides)
    print(table(race, names, seeds, options.overrides))
