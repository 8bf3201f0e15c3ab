"""A newcomer's path, timed: from a fresh clone to a policy's video and an own credit scheme.

    python benchmarks/newcomer.py           print the seconds of every stage
    python benchmarks/newcomer.py --check   fail unless the bars are met

The stages are what the README says, in a clone of this repository's present commit in a temporary
folder: ``git clone``, ``make setup``, ``make reacher`` until the video is there, and the README's
own credit scheme with its check. Packages come from wherever pip finds them, so a first run counts
downloads, too; a second one finds them in pip's cache.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

SECONDS = 300
"""Bar from clone to video, downloads aside, on two cores."""

LINES = 30
"""Bar of the own credit scheme with its check."""


def main() -> int:
    """Walk the path and print the times; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
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
    to_video = sum(list(times.values())[:3])
    print("| stage | seconds |")
    print("|---|---|")
    for stage, seconds in times.items():
        print(f"| {stage} | {seconds:.1f} |")
    print(
        f"\nClone to video: {to_video:.0f} s of {SECONDS} s; the scheme: {lines} of {LINES} lines."
    )
    return int(options.check and not (to_video < SECONDS and lines < LINES))


def timed(words: Sequence[str], folder: Path) -> float:
    """Return the seconds that a command takes, which must end well."""
    print("$", " ".join(words)[:70].splitlines()[0], file=sys.stderr, flush=True)
    own = ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")
    clean = {name: value for name, value in os.environ.items() if name not in own}
    started = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=clean, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    return time.perf_counter() - started


def own_scheme(readme: Path) -> str:
    """Return the README's block that writes a credit scheme and checks it."""
    blocks = re.findall(r"^```python\n(.*?)^```", readme.read_text(), re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if "check_scheme(" in block]
    return str(block)


if __name__ == "__main__":
    sys.exit(main())
