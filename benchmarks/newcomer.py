"""A newcomer's paths, timed: from a clone to a video and an own scheme, from a wheel to the board.

    python benchmarks/newcomer.py                 print the seconds of every stage
    python benchmarks/newcomer.py --check         fail unless the bars are met
    python benchmarks/newcomer.py --path wheel    one of them: clone or wheel

The stages are what the README says, in a clone of this repository's present commit in a temporary
folder: ``git clone``, ``make setup``, ``make reacher`` until the video is there, and the README's
own credit scheme with its check.

The other path begins with the wheel of this checkout: ``pip install`` with the extra ``board`` in
an empty environment, a training run, and the board, until what it draws of the run has grown twice.
Versions are those of requirements.lock.

Packages come from wherever pip finds them, so a first run counts
downloads, too; a second one finds them in pip's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]

SECONDS = 300
"""Bar from clone to video, downloads aside, on two cores."""

LINES = 30
"""Bar of the own credit scheme with its check."""


class Stage(NamedTuple):
    """What a stage takes."""

    seconds: float
    cpu_seconds: float
    """Of the processes that it starts: what a machine without other work would need at least"""


class Clock:
    """Measures a stage from now on."""

    def __init__(self) -> None:
        self.started = time.perf_counter(), _cpu_seconds()

    def read(self) -> Stage:
        """Return the time since then."""
        seconds, cpu_seconds = self.started
        return Stage(time.perf_counter() - seconds, _cpu_seconds() - cpu_seconds)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Walk the path and print the times; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--path", choices=["clone", "wheel"], help="both by default")
    options = parser.parse_args()
    paths = {"clone": from_clone, "wheel": from_wheel}
    met = [walk() for name, walk in paths.items() if options.path in (None, name)]
    return int(options.check and not all(met))


def from_clone() -> bool:
    """Walk from a clone to a video and an own scheme; whether the bars are met."""
    with tempfile.TemporaryDirectory(prefix="bnpo-newcomer-") as place:
        clone = Path(place) / "bnpo"
        python = clone / ".venv" / "bin" / "python"
        times = {
            "git clone": timed(["git", "clone", "--quiet", str(ROOT), str(clone)], Path(place)),
            "make setup": timed(["make", "setup"], clone),
            "make reacher": timed(["make", "reacher"], clone),
        }
        videos = sorted(clone.glob("runs/*/policy.gif"))
        if not videos or not videos[0].stat().st_size:
            raise SystemExit(f"no video in {clone / 'runs'}")
        scheme = own_scheme(clone / "README.md")
        lines = len([line for line in scheme.splitlines() if line.strip()])
        times["own credit scheme, checked"] = timed([str(python), "-c", scheme], clone)
    to_video = sum(stage.seconds for stage in [*times.values()][:3])
    tell(times)
    print(
        f"\nClone to video: {to_video:.0f} s of {SECONDS} s; the scheme: {lines} of {LINES} lines."
    )
    return to_video < SECONDS and lines < LINES


def from_wheel() -> bool:
    """Walk from the wheel to a board with a growing curve; whether the bar is met."""
    with tempfile.TemporaryDirectory(prefix="bnpo-newcomer-") as name:
        place = Path(name)
        sources = place / "sources"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(sources)], check=True)
        pip = [sys.executable, "-m", "pip"]
        timed([*pip, "wheel", "-q", "--no-deps", "-w", str(place), str(sources)], place)
        shutil.rmtree(sources)
        (wheel,) = place.glob("bnpo-*.whl")
        own = place / "env" / "bin"
        wanted = ["-c", str(ROOT / "requirements.lock"), f"bnpo[board] @ {wheel.as_uri()}"]
        times = {
            "python -m venv": timed([sys.executable, "-m", "venv", "env"], place),
            "pip install": timed([str(own / "pip"), "install", "-q", *wanted], place),
            "training and board": board_grows(own / "bnpo", place),
        }
    tell(times)
    taken = sum(stage.seconds for stage in times.values())
    print(f"\nWheel to a board with a growing curve: {taken:.0f} s of {SECONDS} s.")
    return taken < SECONDS


def board_grows(bnpo: Path, folder: Path) -> Stage:
    """Train and serve the board until it has drawn the run three times, longer each time."""
    clock = Clock()
    quiet: dict[str, Any] = {"cwd": folder, "stderr": subprocess.DEVNULL, "text": True}
    words = [str(bnpo), "with", "bpo", "goal_reacher", "seed=0"]
    run = subprocess.Popen(words, stdout=subprocess.DEVNULL, **quiet)
    try:
        while not any(folder.glob("runs/*/config.json")):
            time.sleep(0.1)
            if run.poll() is not None:
                raise SystemExit("the run ended before it was there")
        words = [str(bnpo), "board", "runs", "--port", "0"]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, **quiet)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split(" is shown at ")[1].split(";")[0]
            lengths: set[int] = set()
            while len(lengths) < 3:
                time.sleep(0.5)
                lengths |= {points(address)} - {0}
                if run.poll() is not None and len(lengths) < 3:
                    raise SystemExit("the run ended before its curve had grown")
        finally:
            server.terminate()
            server.wait()
    finally:
        run.terminate()
        run.wait()
    return clock.read()


def points(address: str) -> int:
    """Return how many evaluations the board draws of its run."""
    asked = json.dumps({"runs": ["1"], "scalars": ["success_rate"]}).encode()
    request = urllib.request.Request(
        f"{address}/api/curves", asked, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            (line,) = json.load(answer)["success_rate"]["runs"]
    except (OSError, ValueError):
        return 0
    return len(line["x"])


def tell(times: dict[str, Stage]) -> None:
    """Print the seconds of the stages as a table."""
    print("| stage | seconds | CPU seconds |")
    print("|---|---|---|")
    for name, stage in times.items():
        print(f"| {name} | {stage.seconds:.1f} | {stage.cpu_seconds:.1f} |")


def timed(words: Sequence[str], folder: Path) -> Stage:
    """Return the time that a command takes, which must end well."""
    print("$", " ".join(words)[:70].splitlines()[0], file=sys.stderr, flush=True)
    own = ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")
    clean = {name: value for name, value in os.environ.items() if name not in own}
    clock = Clock()
    done = subprocess.run(words, cwd=folder, env=clean, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    return clock.read()


def own_scheme(readme: Path) -> str:
    """Return the README's block that writes a credit scheme and checks it."""
    blocks = re.findall(r"^```python\n(.*?)^```", readme.read_text(), re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if "check_scheme(" in block]
    return str(block)


if __name__ == "__main__":
    sys.exit(main())
