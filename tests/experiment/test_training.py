"""What a training run leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from bnpo.runs import Checkpoint, checkpoint_path, load_agent, load_history, load_summary
from bnpo.runs.checkpoint import load_checkpoint


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def assert_equal(first: Any, second: Any, path: str = "") -> None:
    """Assert that two states are equal bit for bit, but for seconds."""
    assert type(first) is type(second), path
    if isinstance(first, dict):
        assert list(first) == list(second), path
        for key in first:
            if not str(key).endswith("_s"):
                assert_equal(first[key], second[key], f"{path}/{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), path
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_equal(one, other, f"{path}/{index}")
    elif torch.is_tensor(first):
        assert torch.equal(first, second) or torch.equal(
            torch.nan_to_num(first), torch.nan_to_num(second)
        ), path
    else:
        assert first == second, path


def test_a_run_leaves_what_it_promises(finished_run: Path) -> None:
    files = {str(path.relative_to(finished_run)) for path in finished_run.rglob("*")}
    assert files >= {
        "config.json",
        "run.json",
        "metrics.json",
        "cout.txt",
        "summary.json",
        "history.json",
        "training.jsonl",
        "learning_curve.png",
        "policy.gif",
        "policy.png",
        "checkpoints/step-000000200.json",
        "checkpoints/step-000000400.json",
    }
    assert not [name for name in files if name.endswith(".partial")]


def test_the_record_holds_status_result_and_sources(finished_run: Path) -> None:
    record = read(finished_run / "run.json")
    assert record["status"] == "COMPLETED"
    assert record["result"] == read(finished_run / "summary.json")["success_rate"]
    assert record["meta"]["named_configs"] == ["bpo", "goal_reacher"]
    assert "total_steps=400" in record["meta"]["overrides"]
    sources = [name for name, _ in record["experiment"]["sources"]]
    for folder in ("bnpo/", "brains/", "credit/", "replay/"):
        assert any(folder in name for name in sources), folder
    for _, stored in record["experiment"]["sources"]:
        assert (finished_run.parent / stored).is_file()


def test_the_configuration_is_flat_and_complete(finished_run: Path) -> None:
    config = read(finished_run / "config.json")
    assert config["preset"] == "bpo"
    assert config["total_steps"] == 400
    assert config["env_kwargs"] == {"episode_steps": 10}
    assert config["agent"]["networks"]["actor_hidden"] == [8]
    assert config["agent"]["max_log_ratio"] == 10.0
    assert list(config["brains"]) == ["ppo", "ddpg"], "the order of turns"


def test_metrics_are_evaluations_by_environment_steps(finished_run: Path) -> None:
    metrics = read(finished_run / "metrics.json")
    assert metrics["success_rate"]["steps"] == [200, 400]
    assert metrics["mean_return"]["values"] == [
        record.mean_return for record in load_history(finished_run)
    ]


def test_the_summary_has_every_key(finished_run: Path) -> None:
    summary = read(finished_run / "summary.json")
    assert set(summary) >= {
        *("env_id", "preset", "seed", "env_steps", "gradient_steps", "wall_s"),
        *("env_steps_per_s", "gradient_steps_per_s", "success_rate", "mean_return"),
        *("solve_metric", "solve_threshold", "solved_at_env_steps", "solved_at_wall_s"),
        "versions",
    }
    assert summary["env_steps"] == 400
    assert summary["gradient_steps"] > 0
    assert summary["env_steps_per_s"] == pytest.approx(400 / summary["wall_s"])
    assert set(summary["versions"]) == {
        *("python", "bnpo", "torch", "numpy", "mujoco", "gymnasium", "gymnasium-robotics"),
    }


def test_the_output_holds_the_table_and_not_the_bar(finished_run: Path) -> None:
    output = (finished_run / "cout.txt").read_text()
    for name in ("success rate", "environment steps", "training seconds", "steps per second"):
        assert name in output
    for path in (finished_run, finished_run / "learning_curve.png", finished_run / "policy.gif"):
        assert str(path) in output
    assert "step/s" not in output


def test_video_and_stills_open(finished_run: Path) -> None:
    with Image.open(finished_run / "policy.gif") as video:
        assert video.n_frames >= 6  # type: ignore[attr-defined]  # fewer on a busy machine
        assert video.size == (320, 342)
    with Image.open(finished_run / "policy.png") as sheet:
        assert sheet.format == "PNG"


def test_the_agent_of_a_run_acts_as_it_did(finished_run: Path) -> None:
    agent = load_agent(finished_run)
    saved = load_checkpoint(checkpoint_path(finished_run))["agent"]["actor"]
    assert_equal(dict(agent.actor.state_dict()), dict(saved))
    assert load_agent(finished_run, "best").spec.env_id == "bnpo/GoalReacher-v0"


def test_the_same_seed_gives_the_same_run(
    finished_run: Path, tmp_path: Path, tiny: list[str]
) -> None:
    from bnpo.experiment import main

    assert main(["-F", str(tmp_path), "with", "goal_reacher", "bpo", *tiny]) == 0
    again = tmp_path / "1"
    assert load_summary(again).without_times() == load_summary(finished_run).without_times()
    kinds: tuple[Checkpoint, ...] = ("last", "best")
    for checkpoint in kinds:
        states = [
            load_checkpoint(checkpoint_path(run, checkpoint)) for run in (finished_run, again)
        ]
        assert_equal(states[0], states[1])
    assert_equal(read(again / "config.json"), read(finished_run / "config.json"))
