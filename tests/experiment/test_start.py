"""What needs no training starts at once: it loads none of the large libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LARGE = ("torch", "numpy", "gymnasium", "mujoco", "matplotlib", "sacred", "pandas", "scipy")

REPORT = f"""
import json, sys
from bnpo.__main__ import main
try:
    main()
except SystemExit as end:
    loaded = [name for name in {LARGE} if name in sys.modules]
    sys.stderr.write(json.dumps([end.code, loaded, len(sys.modules)]))
"""


def loaded(code: str, *words: str, cwd: Path) -> tuple[int, list[str], int]:
    """Run code in a process of its own; return what it tells: status, libraries, modules."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True, check=False
    )
    status, libraries, modules = json.loads(done.stderr.strip().splitlines()[-1])
    return status, libraries, modules


@pytest.mark.parametrize(
    "line",
    [
        *("--help", "--version", "help study", "help train", "help agent.gamma", "help bpo"),
        *("runs", "runs 1", "completion bash"),
    ],
)
def test_a_command_that_trains_nothing_loads_little(finished_run: Path, line: str) -> None:
    words = [*line.split(), *(["-F", str(finished_run.parent)] if "runs" in line else [])]
    status, libraries, modules = loaded(REPORT, *words, cwd=finished_run)
    assert (status, libraries) == (0, [])
    assert modules < 600  # about 400; torch alone brings a thousand


def test_the_package_loads_nothing_but_itself(tmp_path: Path) -> None:
    code = (
        "import json, sys; before = set(sys.modules); import bnpo; "
        "sys.stderr.write(json.dumps([0, [], len(set(sys.modules) - before)]))"
    )
    assert loaded(code, cwd=tmp_path)[2] < 60


@pytest.mark.parametrize(
    "lines",
    [
        'import gymnasium, bnpo; env = gymnasium.make("bnpo/GoalReacher-v0")',
        'import bnpo, gymnasium; env = gymnasium.make("bnpo/GoalReacher-v0")',
        'import gymnasium; env = gymnasium.make("bnpo:bnpo/GoalReacher-v0")',  # without an import
    ],
)
def test_the_environments_are_there_with_gymnasium(lines: str, tmp_path: Path) -> None:
    told = "import sys; sys.stderr.write(str([0, [], env.spec.max_episode_steps or 0]))"
    assert loaded(f"{lines}; {told}", cwd=tmp_path) == (0, [], 0)
