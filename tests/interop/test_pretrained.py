"""The policies that the package brings: they are loaded by name, and reach what their cards say."""

from __future__ import annotations

import re
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import bnpo
from bnpo.errors import RunError
from bnpo.experiment import main
from bnpo.runs.reading import PRETRAINED, find_run, load_config

NAMES = ("fetch_reach", "goal_reacher", "moving_reacher", "reacher_v5")
SMALL = 400_000
"""Bytes of a policy at most."""


def card(name: str) -> str:
    return (PRETRAINED / name / "README.md").read_text(encoding="utf-8")


def told(name: str, figure: str) -> float | None:
    """Return a figure of a card; None where it has none of that name."""
    found = re.search(rf"\| {figure} over 100 episodes \| (-?[\d.]+) \|", card(name))
    return None if found is None else float(found[1])


def test_the_package_brings_those_that_the_pages_name() -> None:
    assert sorted(path.name for path in PRETRAINED.iterdir()) == [*NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_is_small_and_has_a_card(name: str) -> None:
    folder = find_run(f"pretrained/{name}")
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < SMALL
    assert f'bnpo.load("pretrained/{name}")' in card(name)
    assert told(name, "mean return") is not None
    assert load_config(folder)["seed"] == 0
    assert not re.search(r"/(home|root|tmp|work|Users)/", (folder / "config.json").read_text())


def test_a_policy_acts_on_observations_and_can_be_trained_further() -> None:
    agent = bnpo.load("pretrained/goal_reacher")
    env = gym.make("bnpo/GoalReacher-v0")
    reached = []
    for seed in range(5):
        observation, info = env.reset(seed=seed)
        for _ in range(50):
            observation, _, _, _, info = env.step(agent.predict(observation))
        reached.append(info["is_success"])
    env.close()
    assert np.mean(reached) >= 0.8
    history = bnpo.train(agent, 400, num_envs=4, eval_episodes=2, progress_bar=False)
    assert history[-1].env_steps == 400


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("goal_reach", "did you mean pretrained/goal_reacher?"),
        ("../runs", "is missing (pretrained policies: fetch_reach, goal_reacher"),
        ("", "is missing (pretrained policies: fetch_reach, goal_reacher"),
    ],
)
def test_a_name_that_is_not_there(name: str, said: str) -> None:
    with pytest.raises(RunError, match=re.escape(said)):
        bnpo.load(f"pretrained/{name}")


def test_a_folder_of_ones_own_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "pretrained/goal_reacher", "episodes=2"]) == 0
    assert "success rate" in capsys.readouterr().out
    (tmp_path / "pretrained" / "goal_reacher").mkdir(parents=True)
    with pytest.raises(RunError, match=r"config\.json is missing"):
        bnpo.load("pretrained/goal_reacher")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_policy_reaches_what_its_card_says(name: str) -> None:
    # Two of 100 episodes may end otherwise where a machine rounds otherwise.
    evaluation = bnpo.evaluate(bnpo.load(f"pretrained/{name}"), episodes=100)
    success, score = told(name, "success rate"), told(name, "mean score")
    mean_return = told(name, "mean return")
    assert mean_return is not None
    assert evaluation.mean_return == pytest.approx(mean_return, rel=0.05, abs=0.5)
    if success is not None:
        assert evaluation.success_rate == pytest.approx(success, abs=0.02)
    if score is not None:
        assert evaluation.mean_score == pytest.approx(score, rel=0.05)
