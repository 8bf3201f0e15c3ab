"""Any environment by its id: what comes out, and what is refused."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, MultiBinary
from gymnasium.vector import AutoresetMode

from bnpo.envs import (
    GoalReacherVectorEnv,
    as_goal_observation,
    describe,
    make_env,
    make_vector_env,
    step_info,
    true_next_observation,
)
from bnpo.envs.making import check_spaces
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.errors import ConfigError
from bnpo.study.processes.jobs import ONE_THREAD
from bnpo.types import TaskSpec

FLAT = Box(-1.0, 1.0, (2,), np.float32)


def test_reacher_steps_in_its_own_vector_form() -> None:
    env = make_vector_env("bnpo/GoalReacher-v0", 3, threads=0, episode_steps=20)
    assert isinstance(env, GoalReacherVectorEnv)
    assert describe(env) == TaskSpec(
        env_id="bnpo/GoalReacher-v0",
        observation_dim=6,
        goal_dim=2,
        action_low=(-1.0, -1.0),
        action_high=(1.0, 1.0),
        max_episode_steps=20,
    )
    single = make_env("bnpo/GoalReacher-v0", episode_steps=20)
    assert describe(single) == describe(env)


def test_vector_reward_is_described() -> None:
    env = make_vector_env("bnpo/MovingReacher-v0", 2, threads=0, reward_type="per_axis")
    assert (describe(env).reward_dim, describe(env).goal_dim) == (3, 3)
    assert describe(env).observation_dim == 30
    assert describe(env).max_episode_steps == 1000


def test_python_environments_go_to_a_pool_or_stay_here() -> None:
    pool = make_vector_env("Reacher-v5", 3, workers=2)
    here = make_vector_env("Reacher-v5", 3, workers=0)
    assert isinstance(pool, WorkerVectorEnv)
    assert isinstance(here, gym.vector.SyncVectorEnv)
    assert describe(pool) == describe(here)
    assert (describe(here).goal_dim, describe(here).is_goal_env) == (0, False)
    assert describe(here).max_episode_steps == 50
    pool.action_space.seed(0)
    pool.reset(seed=0)
    here.reset(seed=0)
    for _ in range(51):
        actions = pool.action_space.sample()
        ours, theirs = pool.step(actions), here.step(actions)
        for mine, other in zip(ours[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(mine, other)
    for env in (pool, here):
        assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        env.close()


def test_one_of_several_runs_keeps_to_its_own_core(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    pool = make_vector_env("Reacher-v5", 4)
    assert isinstance(pool, WorkerVectorEnv)
    assert len(pool.crew.workers) == 1
    pool.close()


@pytest.mark.parametrize("value", ["0", "two", "-1", "1.5"])
def test_a_number_of_cores_that_is_none_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNPO_CORES", value)
    with pytest.raises(ConfigError, match=f"BNPO_CORES = '{value}': allowed is a whole number"):
        make_vector_env("Reacher-v5", 4)


def test_true_next_observation_undoes_the_autoreset() -> None:
    env = make_vector_env("bnpo/GoalReacher-v0", 3, threads=0, episode_steps=2)
    longer = make_vector_env("bnpo/GoalReacher-v0", 3, threads=0, episode_steps=3)
    for one in (env, longer):
        one.reset(seed=0)
        one.reset(options={"reset_mask": np.array([True, True, False])})
    actions = np.full((3, 2), 0.3)
    for step in (1, 2):
        observations, _, _, truncations, infos = env.step(actions)
        expected = longer.step(actions)[0]
        if step == 1:
            env.reset(options={"reset_mask": np.array([False, True, False])})
            longer.reset(options={"reset_mask": np.array([False, True, False])})
    assert truncations.tolist() == [True, False, True]
    before = observations["observation"].copy()
    following = true_next_observation(observations, infos)
    for key, rows in expected.items():
        np.testing.assert_array_equal(following[key], rows)
    np.testing.assert_array_equal(observations["observation"], before)
    success = step_info(infos, "is_success", 3)
    assert np.isin(success, [0.0, 1.0]).all()  # of the ended episodes and of the others


def test_observation_without_goals_gets_empty_ones() -> None:
    wrapped = as_goal_observation(np.ones((4, 3)))
    assert {key: rows.shape for key, rows in wrapped.items()} == {
        "observation": (4, 3),
        "achieved_goal": (4, 0),
        "desired_goal": (4, 0),
    }
    finals = np.array([None, np.full(3, 7.0)], dtype=object)
    infos = {"final_obs": finals, "_final_obs": np.array([False, True])}
    following = true_next_observation(np.ones((2, 3)), infos)
    assert following["observation"].tolist() == [[1.0] * 3, [7.0] * 3]


def test_step_info_understands_both_names_of_success() -> None:
    infos = {
        "success": np.array([True, False, False]),
        "_success": np.array([True, True, False]),
        "final_info": {"success": np.array([0, 0, 1]), "_success": np.array([False, False, True])},
    }
    np.testing.assert_array_equal(step_info(infos, "is_success", 3), [1.0, 0.0, 1.0])
    assert np.isnan(step_info(infos, "score", 3)).all()


@pytest.mark.parametrize(
    ("env_id", "num_envs", "settings", "message"),
    [
        ("bnpo/GoalReecher-v0", 2, {}, "env_id='bnpo/GoalReecher-v0'; did you mean 'bnpo/GoalR"),
        ("FetchReech-v4", 2, {}, "did you mean 'FetchReach-v4'"),
        ("CartPole-v1", 2, {}, r"CartPole-v1 has the action space Discrete\(2\); allowed is a Box"),
        ("bnpo/GoalReacher-v0", 0, {}, "num_envs=0 must be an integer of at least 1"),
        ("bnpo/GoalReacher-v0", 2.0, {}, "num_envs=2.0 must be an integer"),
        ("bnpo/GoalReacher-v0", 2, {"threads": -1}, "threads=-1 must be"),
        ("Reacher-v5", 2, {"workers": -1}, "workers=-1 must be"),
        ("bnpo/GoalReacher-v0", 2, {"colour": 1}, "unknown argument 'colour'"),
        ("Reacher-v5", 2, {"colour": 1, "workers": 0}, "Reacher-v5 cannot be made with .*colour"),
        ("Reacher-v5", 2, {"colour": 1, "workers": 2}, "Reacher-v5 cannot be made with .*colour"),
        (3, 2, {}, "env_id=3 must be the id"),
    ],
)
def test_what_cannot_be_made_is_named(
    env_id: Any, num_envs: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_vector_env(env_id, num_envs, **settings)


@pytest.mark.parametrize(
    ("observation", "action", "message"),
    [
        (FLAT, Box(-np.inf, np.inf, (2,)), "unbounded actions"),
        (FLAT, Box(-1, 1, (2, 2)), "allowed is a flat Box of floats"),
        (FLAT, Box(0, 9, (2,), np.int64), "allowed is a flat Box of floats"),
        (Box(0, 1, (8, 8, 3)), FLAT, "allowed are flat Boxes"),
        (MultiBinary(3), FLAT, "allowed are flat Boxes"),
        (Dict({"observation": FLAT, "extra": FLAT}), FLAT, "observation, achieved_goal, desired"),
    ],
)
def test_spaces_that_cannot_be_trained_on(observation: Any, action: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"some-env .*{message}"):
        check_spaces(observation, action, env_id="some-env")
    check_spaces(FLAT, FLAT, env_id="fine")
