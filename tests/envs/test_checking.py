"""The check of an environment says what is right, and names what is not."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from bnpo.envs.checking import Check, check_env
from tests.envs.points import Point, registered
from tests.envs.test_hindsight_asks import Ending, Mute
from tests.envs.test_hindsight_info import Priced, Text
from tests.envs.test_own_scales import scaled


def verdicts(check: Check) -> dict[str, str]:
    return {one.topic: one.verdict for one in check.findings}


def text_of(check: Check, topic: str) -> str:
    (text,) = [one.text for one in check.findings if one.topic == topic]
    return text


def test_a_good_environment_has_no_fault() -> None:
    with registered(Ending, 10) as env_id:
        check = check_env(env_id, 120)
    assert check.faults == []
    assert set(verdicts(check)) == {
        *("spaces", "actions", "observation", "achieved_goal", "desired_goal", "reward", "ends"),
        *("info", "compute_reward", "compute_terminated", "determinism", "state", "speed"),
    }
    assert "goals of 2" in text_of(check, "spaces")
    assert text_of(check, "compute_reward") == "says what all 120 steps paid"
    assert text_of(check, "state") == "runs are resumed exactly"
    assert repr(check).startswith("check of Own-v0\nspaces ")


class Forgetful(Point):
    """Draws from a generator that no seed reaches, and holds an iterator."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.count = itertools.count()
        self.goal = np.random.default_rng().uniform(-1.0, 1.0, 2)
        return self.observe(), {}


class Fragile(Point):
    """Raises in its third step."""

    def step(self, action: Any) -> Any:
        raise RuntimeError("no licence")


@pytest.mark.parametrize(
    ("kind", "topic", "verdict", "text"),
    [
        (Priced, "compute_reward", "ok", "; hindsight keeps info['price'], info['contacts']"),
        (Text, "hindsight", "fault", "needs info['label'], which hindsight cannot keep"),
        (Mute, "compute_terminated", "fault", "is missing, though steps ended episodes"),
        (scaled(1.0, 5.2e6), "observation", "fault", "set agent.dtype = 'float64'"),
        (Forgetful, "determinism", "fault", "one seed gives other numbers"),
        (Forgetful, "state", "note", "count is a itertools.count"),
        (Fragile, "steps", "fault", "no licence"),
        (Point, "compute_terminated", "note", "no goal is taken to end an episode"),
    ],
)
def test_what_is_wrong_is_named(kind: Any, topic: str, verdict: str, text: str) -> None:
    with registered(kind, 10) as env_id:
        check = check_env(env_id, 60)
    assert verdicts(check)[topic] == verdict
    assert text in text_of(check, topic)
