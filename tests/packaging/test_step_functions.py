"""How many own files and functions a vector step with a turn runs: the counts only fall."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

# Files and functions that `make bench-functions` counts today. What it aims at is 30 files and 110
# functions of ppo, 115 of ddpg_her: whoever gets nearer lowers these.
MOST = {"ppo": (30, 110), "ddpg_her": (30, 113)}


@pytest.mark.parametrize("preset", MOST)
def test_a_step_runs_no_more_functions(
    preset: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(root / "benchmarks")
    functions = importlib.import_module("step_functions").functions_of(preset)
    files, count = MOST[preset]
    assert len(functions) <= files, sorted(functions)
    assert sum(map(len, functions.values())) <= count, functions
    # from the trainer down to the replay and the networks, the environments left out
    assert "Trainer.step" in functions["bnpo/training/trainer.py"]
    assert "LearningStep.take" in functions["brains/steps/learning_step.py"]
    assert not any(file.startswith("bnpo/envs/reacher") for file in functions)
