"""Every Python block of the README runs, with fewer steps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
SMALLER = {
    "total_steps=20_000, num_envs=8": (
        "total_steps=800, num_envs=8, eval_episodes=2, progress_bar=False"
    ),
    "episodes=100": "episodes=2",
    "learning_repeat=200": "learning_repeat=4",
}


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:30])
def test_block_runs(block: str) -> None:
    for large, small in SMALLER.items():
        block = block.replace(large, small)
    exec(compile(block, str(README), "exec"), {})
