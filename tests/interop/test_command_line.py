"""Minari datasets on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import bnpo
from bnpo.experiment import main

minari = pytest.importorskip("minari", reason="the extra minari is not installed")
pytest.importorskip("h5py", reason="the extra minari is not installed")

TINY = (
    "total_steps=400 eval_interval=200 eval_episodes=2 num_envs=4 env_kwargs.episode_steps=10 "
    "agent.max_steps=10 agent.warmup_steps=0 brains.ddpg.batch_size=16 "
    "brains.ddpg.optim_batch_size=16 brains.ddpg.learning_repeat=4"
)


def said(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    status = main(line.split())
    return status, "".join(capsys.readouterr())


def test_the_command_line_writes_and_starts_from_datasets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(f"-F {tmp_path} with ddpg_her {TINY}", capsys)[0] == 0
    run = tmp_path / "1"
    status, text = said(f"export with run={run} format=minari dataset=tiny/replay-v0", capsys)
    assert (status, "tiny/replay-v0" in text) == (0, True), text
    assert minari.load_dataset("tiny/replay-v0").total_steps == 400
    words = f"export with run={run} format=minari dataset=tiny/policy-v0 steps=80"
    assert said(words, capsys)[0] == 0
    offline = "offline=tiny/replay-v0 offline_turns=3"
    assert said(f"-F {tmp_path} with ddpg_her {TINY} {offline}", capsys)[0] == 0
    history = bnpo.runs.load_history(tmp_path / "2")
    assert [record.env_steps for record in history] == [0, 200, 400]
    assert history[0].gradient_steps == 3 * 4
    assert said(f"resume with run={tmp_path / '2'} total_steps=440", capsys)[0] == 0


@pytest.mark.parametrize(
    ("line", "mentions"),
    [
        ("with ddpg_her goal_reacher offline=none-v0", ["'none-v0'", "missing"]),
        ("with ddpg_her goal_reacher offline=../../x", ["'../../x'", "version"]),
        ("with ddpg_her goal_reacher offline_turns=3", ["offline_turns = 3", "offline"]),
        ("export with run=1 format=minari", ["dataset is missing"]),
        ("export with run=1 format=onnx dataset=x-v0", ["dataset = 'x-v0'", "format=onnx"]),
        ("export with run=1 format=minari dataset=x-v0 output=y", ["output = 'y'"]),
    ],
)
def test_bad_input_is_told_in_one_line(
    line: str, mentions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = said(line, capsys)
    assert (status, text.count("\n")) == (2, 1), text
    assert all(mention in text for mention in mentions), text
