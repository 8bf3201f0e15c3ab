"""No preset warns of its own health on its own task: a warning is about a user's settings."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from bnpo.presets import PRESETS


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the survey of ``benchmarks/health.py``."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    return importlib.import_module("health")


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_does_not_warn_on_its_own_task(preset: str, health: Any) -> None:
    assert health.run(preset, health.tasks_of(preset)[0], seed=0)["warnings"] == []


def test_every_run_passes_the_warm_up_of_all_of_its_brains(health: Any) -> None:
    for preset in PRESETS:
        for task in health.tasks_of(preset):
            run = health.settings(preset, task)
            turns = [
                run["total_steps"] // (brain["learning_delay"] * run["num_envs"])
                for brain in run["brains"].values()
            ]
            # Ten turns are the warm-up of each brain; a warning takes three looks in a row.
            assert min(turns) >= 20, (preset, task)
            assert run["eval_interval"] * 4 <= run["total_steps"] / 2
