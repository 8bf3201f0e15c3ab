"""Own files and functions that run in one vector step with one turn of a brain.

    python benchmarks/step_functions.py                 both presets
    python benchmarks/step_functions.py ppo --list      the functions too, by file

The fewer there are, the sooner a newcomer has followed a transition from the simulator into the
networks. Counted is what Python's own profile hook sees in one :meth:`Trainer.step` on eight goal
Reachers, in the brain's second turn: the package's functions once each, without what runs inside
the environments. Comprehensions and lambdas belong to the function around them. Compiled steps are
off: what they do in one call is to be read in Python.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from medians import Median, leave, show

from bnpo import Trainer
from bnpo.compose.composition import compose
from bnpo.presets import build_agent, build_train_config

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("bnpo/", "brains/", "credit/", "replay/")
ENVIRONMENTS = ("bnpo/envs/reacher/", "bnpo/envs/goal_functions.py")

BOUNDS = {"ppo": (30, 110), "ddpg_her": (30, 115)}
"""Files and functions that are aimed at, by preset."""

TURN = 2
"""Which turn of the brain is looked at: what is made once has been made by then."""


def called(run: Callable[[], Any]) -> Mapping[str, set[str]]:
    """Return the own functions that a call runs, by file."""
    codes: set[CodeType] = set()
    depth = 0  # of calls within an environment

    def look(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal depth
        if event == "call":
            if depth or file_of(frame.f_code).startswith(ENVIRONMENTS):
                depth += 1
            else:
                codes.add(frame.f_code)
        elif event == "return":
            depth -= depth > 0

    sys.setprofile(look)
    try:
        run()
    finally:
        sys.setprofile(None)
    functions: dict[str, set[str]] = defaultdict(set)
    for code in codes:
        file = file_of(code)
        if file.startswith(FOLDERS) and not code.co_name.startswith("<"):
            functions[file].add(code.co_qualname)
    return functions


@functools.cache
def file_of(code: CodeType) -> str:
    """Return the file of a function, from the checkout's root on; empty outside of it."""
    path = Path(code.co_filename).resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""


def functions_of(preset: str) -> Mapping[str, set[str]]:
    """Return the own functions of one vector step with a turn of a preset's brain, by file."""
    config = compose(
        [preset, "goal_reacher"], {"num_envs": 8, "agent.warmup_steps": 0, "agent.compile": "off"}
    )
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    try:
        (brain,) = trainer.agent.brains
        turns = 0
        functions: Mapping[str, set[str]] = {}
        while turns < TURN:
            taken = brain.gradient_steps
            functions = called(trainer.step)
            turns += brain.gradient_steps > taken
        return functions
    finally:
        trainer.close()


def counts(preset: str, functions: Mapping[str, set[str]]) -> Iterator[Median]:
    """Numbers of files and of functions, with their bounds."""
    figures = {"files": len(functions), "functions": sum(map(len, functions.values()))}
    bounds = BOUNDS.get(preset, (math.inf, math.inf))
    for (unit, figure), bound in zip(figures.items(), bounds, strict=True):
        what = f"own {unit} in one vector step with a turn of {preset}"
        yield Median(what=what, ours=figure, unit=unit, asked=f"<= {bound}")


def main() -> None:
    """Count, print and leave the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("presets", nargs="*", default=list(BOUNDS), help="presets of one brain")
    parser.add_argument("--list", action="store_true", help="print the functions by file")
    options = parser.parse_args()
    medians: list[Median] = []
    for preset in options.presets:
        functions = functions_of(preset)
        medians += counts(preset, functions)
        if options.list:
            for file, names in sorted(functions.items()):
                print(file, *sorted(names), sep="\n    ")
            print()
    show(medians)
    leave("step_functions", medians)


if __name__ == "__main__":
    main()
