"""Run the scripts of a folder, each of which shows one fault that was: a line for each.

    python tests/cases.py ../shared/cases [NAME...]

A script exits with 0 where the product is right; ``python`` and ``bnpo`` come from PATH. Which test
of the project guards what a script shows is in tests/case_tests.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

AT_ONCE = 2
PATIENCE = 900
"""Seconds that a script has."""


def main(words: Sequence[str]) -> int:
    """Run scripts, two at a time.

    Args:
        words: the folder, and names of scripts; none means all

    Returns:
        0 where all are right, else 1.

    """
    folder, *names = words
    scripts = sorted(Path(folder).resolve().glob("*.py"))
    chosen = [script for script in scripts if not names or script.stem in names]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        right = [*pool.map(_run, chosen)]
    sys.stdout.write(f"{sum(right)} of {len(right)} right\n")
    return 0 if all(right) and right else 1


def _run(script: Path) -> bool:
    """Run one script in a folder of its own, print its line, and tell whether it is right."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="case-") as place:
        try:
            done = subprocess.run(
                ["python", script],
                cwd=place,
                env={**os.environ, "TMPDIR": place},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE,
                check=False,
            )
            status, said = str(done.returncode), done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            status, said = "no end", ""
    right = status == "0"
    lines = [line for line in said.splitlines() if line.strip()]
    remark = "" if right or not lines else f"  {next((x for x in lines if 'FAIL' in x), lines[-1])}"
    word = "right" if right else f"WRONG ({status})"
    sys.stdout.write(
        f"{script.stem:36} {word:10} {time.monotonic() - started:4.0f} s{remark[:200]}\n"
    )
    sys.stdout.flush()
    return right


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
