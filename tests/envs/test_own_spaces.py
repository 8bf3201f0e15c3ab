"""Spaces of own environments: what cannot work is refused in one line that says why."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from bnpo.errors import ConfigError
from tests.envs.points import PLANE, Point, agent_on, registered
from tests.envs.test_own_forms import KEYS


def with_spaces(**spaces: Any) -> Any:
    class Other(Point):
        def __init__(self) -> None:
            super().__init__()
            self.action_space = spaces.get("action", self.action_space)
            self.observation_space = gym.spaces.Dict(
                {**dict.fromkeys(KEYS, PLANE), **spaces.get("observation", {})}
            )

    return Other


def box(low: Any, high: Any, kind: Any = np.float32) -> gym.spaces.Box:
    return gym.spaces.Box(np.array(low, kind), np.array(high, kind), dtype=kind)


@pytest.mark.parametrize(
    ("low", "high", "kind", "line"),
    [
        (
            [1e9, 0],
            [1e9 + 1, 1],
            np.float64,
            r"too few numbers of float32: action\[0\] is in \[1000000000, ",
        ),
        (
            [0, 1],
            [1, 1 + 2**-20],
            np.float32,
            r"too few numbers of float32: action\[1\] is in \[1, ",
        ),
        ([-3e38, 0], [3e38, 1], np.float32, r"too wide for float32: action\[0\] is in \[-3\.0"),
    ],
)
def test_actions_that_the_agent_s_type_cannot_tell_apart(
    low: Any, high: Any, kind: Any, line: str
) -> None:
    """2^-20 is eight spacings of float32 at one; float64 has room for all of them."""
    make = with_spaces(action=box(low, high, kind))
    with registered(make) as env_id:
        with pytest.raises(ConfigError, match=line + r".*: set agent.dtype = 'float64'$"):
            agent_on(env_id)
        agent = agent_on(env_id, agent={"dtype": "float64"})
        far = torch.tensor([[-np.inf, np.inf], [np.inf, -np.inf]], dtype=torch.float64)
        bounds = np.array([low, high], kind).astype(np.float64)
        corners = [[bounds[0, 0], bounds[1, 1]], [bounds[1, 0], bounds[0, 1]]]
        np.testing.assert_array_equal(agent.actor.clip(far), corners)
        half = (bounds[1] - bounds[0]) / 2
        np.testing.assert_allclose(agent.critics[0].half_range, half, rtol=1e-12)


@pytest.mark.parametrize(
    ("spaces", "line"),
    [
        (
            {"action": box([-1, 0], [1, 0])},
            r"bounds leave no choice: action\[1\] is in \[0, 0\]; .* leave a locked dimension out",
        ),
        ({"action": box([0.5], [0.5], np.float64)}, r"action\[0\] is in \[0\.5, 0\.5\]"),
        (
            {"observation": {"desired_goal": box([0, 0, 0], [1, 1, 1])}},
            "achieved_goal of 2 numbers and a desired_goal of 3: allowed are goals of one size",
        ),
    ],
)
def test_spaces_that_cannot_work_are_told_in_one_line(spaces: Any, line: str) -> None:
    with registered(with_spaces(**spaces)) as env_id, pytest.raises(ValueError, match=line):
        agent_on(env_id)
