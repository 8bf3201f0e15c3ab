"""The simulator as dynamics: a row is stepped alike in a batch of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnpo.envs import make_vector_env
from bnpo.planning import env_dynamics
from bnpo.planning.env_dynamics import EnvDynamics


def make(rows: int) -> Any:
    return make_vector_env("bnpo/GoalReacher-v0", rows, threads=0).unwrapped


def test_rows_beyond_one_batch_are_stepped_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven rows in batches of four: two whole ones and one of three."""
    monkeypatch.setattr(env_dynamics, "ROWS", 4)
    sizes: list[int] = []

    def counted(rows: int) -> Any:
        sizes.append(rows)
        return make(rows)

    env, dynamics = make(11), EnvDynamics(counted)
    env.reset(seed=0)
    state = dynamics.read(env)
    action = np.random.default_rng(0).uniform(-1.0, 1.0, (11, 2))
    following, achieved = dynamics.step(state, action)
    assert max(sizes) == 4
    observation, *_ = env.step(action)
    np.testing.assert_array_equal(following[:, 1:], dynamics.read(env)[:, 1:])  # after the time
    np.testing.assert_array_equal(achieved, observation["achieved_goal"])
    assert np.unique(achieved, axis=0).shape == (11, 2)
    for user in (env, dynamics):
        user.close()
