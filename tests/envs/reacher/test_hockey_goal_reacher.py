"""The hockey Reacher's goal form: where the puck shall arrive."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bnpo.envs import (
    HockeyGoalReacherEnv,
    HockeyGoalReacherVectorEnv,
)
from bnpo.envs.goal_functions import termination_function
from bnpo.envs.reacher.hockey_rink import (
    HALF_LENGTH,
    PUCK_RADIUS,
)

REST = np.zeros((1, 2))


def test_goal_form_ends_where_the_puck_arrives() -> None:
    """A shot straight at the target: -1 until it is within 5 cm, then 0 and the end.

    From 0.2 m to 0.325 m at 2 m/s: 0.0625 s, so in the fourth step.
    """
    env = HockeyGoalReacherVectorEnv(num_envs=1, threads=0)
    target = env.reset(seed=0)[0]["desired_goal"][0]
    assert target[0] == pytest.approx(HALF_LENGTH - PUCK_RADIUS)
    assert abs(target[1]) <= 0.1
    env.reset(options={"puck": (0.2, 0.09, 2.0, 0.0)})
    state = env.get_state()
    state["arrays"]["target"][:, 1] = 0.09
    env.set_state(state)
    rewards, ended = [], False
    while not ended:
        _, reward, terminated, _, infos = env.step_both(REST, REST)
        rewards.append(reward[0])
        ended = bool(terminated[0])
    assert rewards == [-1.0, -1.0, -1.0, 0.0]
    assert infos["final_info"]["is_success"].tolist() == [True]


def test_goal_form_tells_what_ends_it() -> None:
    ended = termination_function(HockeyGoalReacherEnv())
    achieved = np.array([[0.375, 0.0], [0.3, 0.0]])
    assert ended(achieved, np.array([[0.375, 0.04], [0.375, 0.0]])).tolist() == [True, False]


def test_goal_form_pays_what_it_recomputes() -> None:
    env = HockeyGoalReacherVectorEnv(num_envs=32, threads=0, puck_speed=2.0)
    env.reset(seed=0)
    ends = 0
    for action in np.random.default_rng(0).uniform(-1, 1, (60, 32, 2)):
        observations, rewards, terminated, _, infos = env.step(action)
        if terminated.any():
            ends += int(terminated.sum())
            final = infos["final_obs"][np.flatnonzero(terminated)[0]]
            assert env.compute_reward(final["achieved_goal"], final["desired_goal"]) == 0.0
        goals = observations["achieved_goal"], observations["desired_goal"]
        paid = env.compute_reward(*goals, {})
        np.testing.assert_array_equal(paid[~terminated], rewards[~terminated])
        np.testing.assert_array_equal(terminated, rewards == 0.0)
        tensors = env.compute_reward(*(torch.tensor(one) for one in goals))
        np.testing.assert_array_equal(tensors.numpy(), paid)
    assert ends > 0
