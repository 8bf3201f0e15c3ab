"""Evaluation of users' environments: success however it is told, and episodes without an end."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

import bnpo
from bnpo.envs import make_env
from bnpo.seeding import EVALUATION_SEED
from bnpo.types.history import History, Record
from tests.envs.points import Point, agent_on, registered

pytestmark = pytest.mark.usefixtures("one_core")


class Right(Point):
    """Success is to have a goal on the right, whatever the policy does."""

    def told(self, right: bool) -> Any:
        return {"is_success": right}

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        *rest, _ = super().step(action)
        return *rest, self.told(bool(self.goal[0] > 0))


def share_on_the_right(env_id: str, episodes: int) -> float:
    env = make_env(env_id)
    seeds = range(EVALUATION_SEED, EVALUATION_SEED + episodes)
    goals = [env.reset(seed=seed)[0]["desired_goal"][0] for seed in seeds]
    return float(np.mean([goal > 0 for goal in goals]))


WAYS: dict[str, Any] = {
    "bool": lambda right: {"is_success": right},
    "only when True": lambda right: {"is_success": True} if right else {},
    "NumPy": lambda right: {"is_success": np.bool_(right)},
    "number": lambda right: {"is_success": float(right)},
    "array": lambda right: {"is_success": np.array([right])},
    "array of no dimension": lambda right: {"is_success": np.array(right)},
    "success": lambda right: {"success": right},
    "None for failure": lambda right: {"is_success": True if right else None},
}


@pytest.mark.parametrize("way", WAYS)
def test_success_is_understood(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Right, "told", staticmethod(WAYS[way]))
    with registered(Right, 5) as env_id:
        expected = share_on_the_right(env_id, 12)
        assert bnpo.evaluate(agent_on(env_id), 12).success_rate == pytest.approx(expected)
        assert 0.0 < expected < 1.0


@pytest.mark.parametrize("told", [{}, {"is_success": "perhaps"}, {"is_success": np.zeros(3)}])
def test_success_that_is_never_told_is_unknown(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Right, "told", lambda _, right: dict(told))
    with registered(Right, 5) as env_id:
        assert bnpo.evaluate(agent_on(env_id), 4).success_rate is None


def test_episodes_without_an_end_are_cut_and_told(caplog: pytest.LogCaptureFixture) -> None:
    with registered(Point, None) as env_id, caplog.at_level(logging.WARNING, "bnpo.training"):
        evaluation = bnpo.evaluate(agent_on(env_id), 4, max_steps=30)
    assert evaluation.mean_length == 30.0
    assert caplog.messages == [
        "Own-v0 has episodes that do not end: evaluation cuts them at eval_max_steps = 30"
    ]


def test_a_history_without_success_is_shown() -> None:
    record = Record(
        env_steps=200,
        gradient_steps=0,
        wall_s=1.0,
        episodes=4,
        success_rate=None,
        mean_return=-7.5,
        mean_length=10.0,
    )
    history = History(records=[record])
    assert repr(history) == "History(200 steps, success_rate unknown, not solved)"
    assert "<table" in history._repr_html_()
