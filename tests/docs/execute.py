"""Executes notebooks anew at their full size, and notes which code their outputs are of.

    python -m tests.docs.execute          all of them, one after the other: an hour
    python -m tests.docs.execute BPO DDPG

A notebook is executed in an empty folder and written back when every cell has run. The name of its
code is kept beside the outputs: a test compares it with the code that the notebook shows.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.docs.kernel import NOTEBOOKS, execute, nbformat

LONGEST = 3_600
"""Seconds that a cell may take."""


def code_of(notebook: Any) -> str:
    """Return a short name of all code that a notebook shows."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def executed_code(notebook: Any) -> str:
    """Return the name of the code that a notebook's outputs are of; empty where it has none."""
    return str(notebook.metadata.get("bnpo", {}).get("code", ""))


def renew(path: Path) -> None:
    """Execute a notebook and write it back."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="bnpo-notebook-") as folder:
        executed = execute(notebook, Path(folder), LONGEST)
    for cell in executed.cells:
        cell.metadata.pop("execution", None)  # times of day
    executed.metadata["language_info"] = {"name": "python"}  # without the versions of this machine
    executed.metadata["bnpo"] = {"code": code_of(executed)}
    nbformat.write(executed, path)


def main() -> None:
    """Execute the named notebooks, or all."""
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(names)):
        parser.error(f"NAME {unknown[0]}: allowed are {', '.join(names)}")
    for name in options.names or names:
        started = time.perf_counter()
        renew(NOTEBOOKS / f"{name}.ipynb")
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
