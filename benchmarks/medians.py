"""What the benchmarks leave for the table: medians beside their peers, a line of JSON each.

results/<benchmark>.jsonl    appended to; of several lines about one thing the last counts
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Median:
    """One figure of ours beside the peer's, measured in one run."""

    what: str
    """What was measured, on which sizes"""

    ours: float
    """Median of ours"""

    unit: str
    """Of both"""

    peer: str = ""
    """Who is compared with; empty where there is none"""

    theirs: float | None = None
    """Median of the peer"""

    ratio: float | None = None
    """How many times as good ours is, or how many times as dear where that is asked"""

    asked: str = ""
    """Bound of the ratio such as >= 1.35 or <= 1.1, or of ours where there is no peer"""

    @property
    def met(self) -> bool | None:
        """Whether the bound holds; None where nothing is asked or the peer is not installed."""
        if not self.asked or (self.peer and self.ratio is None):
            return None
        sign, bound = self.asked.split()
        value = self.ours if self.ratio is None else self.ratio
        return value >= float(bound) if sign == ">=" else value <= float(bound)


def compared(
    what: str, ours: float, peer: str, theirs: float | None, unit: str, asked: str = ""
) -> Median:
    """Median of a rate: the ratio is ours over theirs."""
    ratio = None if theirs is None else ours / theirs
    return Median(
        what=what, ours=ours, unit=unit, peer=peer, theirs=theirs, ratio=ratio, asked=asked
    )


def leave(benchmark: str, medians: list[Median]) -> None:
    """Append what a run of a benchmark found."""
    RESULTS.mkdir(exist_ok=True)
    about = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load": round(os.getloadavg()[0], 2),
        "machine": platform.machine(),
        "torch": version("torch"),
    }
    lines = [json.dumps({**asdict(median), **about}) + "\n" for median in medians]
    with (RESULTS / f"{benchmark}.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(lines))


def found(benchmark: str) -> Iterator[Median]:
    """Newest median about each thing that a benchmark left."""
    path = RESULTS / f"{benchmark}.jsonl"
    if not path.exists():
        return
    newest: dict[tuple[str, str], Median] = {}
    fields = Median.__dataclass_fields__
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        newest[row["what"], row["peer"]] = Median(**{name: row[name] for name in fields})
    yield from newest.values()


def show(medians: list[Median]) -> None:
    """Print medians as a Markdown table."""
    print("| what | ours | peer | ratio | asked |\n|---|---|---|---|---|")
    for median in medians:
        print(row(median))
    print(flush=True)


def row(median: Median) -> str:
    """One row of a Markdown table."""
    theirs = "" if median.theirs is None else f"{median.peer}: {figure(median.theirs)}"
    ratio = "" if median.ratio is None else f"{median.ratio:.2f}"
    word = {None: "", True: ", met", False: ", **missed**"}[median.met]
    asked = median.asked.replace(">=", "≥").replace("<=", "≤") + word
    ours = f"{figure(median.ours)} {median.unit}"
    return f"| {median.what} | {ours} | {theirs} | {ratio} | {asked} |"


def figure(value: float) -> str:
    """A number with three digits that count, thousands set apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
