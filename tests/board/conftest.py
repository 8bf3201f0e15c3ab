"""Folders of runs that were never trained, and the board over them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bnpo.compose.composition import compose_run
from bnpo.files import write_json
from bnpo.presets import write_config
from bnpo.runs.reading import history_state
from bnpo.runs.summary import Summary
from bnpo.types.history import History, Record

NASTY = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
"""Text of a record that would run in a page which took it for markup."""


def leave_run(
    folder: Path,
    values: Sequence[float],
    *,
    preset: str = "bpo",
    seed: int = 0,
    through: bool = True,
    record: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Leave what a run leaves, with a success rate every 100 steps and 2 s of training.

    Args:
        folder: of the run
        values: success rates
        preset: of its brains
        seed: of the run
        through: whether it has come to its end
        record: content of its run.json
        **changes: of its config.json

    """
    run = compose_run([preset, "goal_reacher"], {"total_steps": 1_000}).with_seed(seed)
    history = History("success_rate", 0.95, [evaluation(i, v) for i, v in enumerate(values, 1)])
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", {**write_config(run), **changes})
    if values:
        write_json(folder / "history.json", history_state(history))
    if record is not None:
        write_json(folder / "run.json", record)
    if through:
        Summary.of(
            history,
            env_id=run.task.env,
            preset=preset,
            seed=seed,
            status="completed",
            env_steps=100 * len(values),
            gradient_steps=10 * len(values),
            wall_s=2.0 * len(values),
        ).write(folder / "summary.json")
    return folder


def evaluation(number: int, value: float) -> Record:
    """Return an evaluation; its brain ddpg tells ten times the value as q_value."""
    return Record(
        env_steps=100 * number,
        gradient_steps=10 * number,
        wall_s=2.0 * number,
        episodes=10,
        success_rate=value,
        mean_return=-50.0 + value,
        mean_length=50.0,
        brains={"ddpg": {"q_value": 10.0 * value}},
    )


def stream(folder: Path, *lines: dict[str, float]) -> None:
    """Append lines to the training stream of a run."""
    with (folder / "training.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder of three runs: two seeds of bpo, one of which goes on, and one of ppo."""
    folder = tmp_path / "runs"
    leave_run(folder / "1", [0.0, 0.2, 0.4])
    leave_run(folder / "2", [1.0, 1.0], seed=1, through=False)
    leave_run(folder / "10", [0.5], preset="ppo")
    return folder
