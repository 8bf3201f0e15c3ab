"""The goal Reacher against Gymnasium's Reacher-v5 and against numbers derived by hand."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest
import torch
from gymnasium.envs.mujoco import MujocoEnv
from gymnasium.utils.env_checker import check_env

from bnpo.envs import GoalReacherEnv, GoalReacherVectorEnv


def test_arm_moves_as_in_reacher_v5() -> None:
    """Same actions, same angles and velocities as the complete model, floor and target included."""
    reference = gym.make("Reacher-v5").unwrapped
    assert isinstance(reference, MujocoEnv)
    env = GoalReacherEnv()
    observation, _ = env.reset(seed=0)
    reference.reset(seed=0)
    angles = np.arctan2(observation["observation"][2:4], observation["observation"][:2])
    target = observation["desired_goal"]
    qpos = np.concatenate([angles, target])
    qvel = np.concatenate([observation["observation"][4:], [0.0, 0.0]])
    reference.set_state(qpos, qvel)
    rng = np.random.default_rng(0)
    for step in range(45):
        action = rng.uniform(-1.2, 1.2, 2) if step < 20 else np.array([0.3, 1.0])  # to the limit
        observation = env.step(action)[0]
        expected = reference.step(np.clip(action, -1, 1))[0]
        np.testing.assert_allclose(observation["observation"][:4], expected[:4], atol=1e-6)
        np.testing.assert_allclose(observation["observation"][4:], expected[6:8], atol=1e-4)
        mujoco.mj_forward(reference.model, reference.data)  # positions lag behind the angles
        fingertip = reference.data.body("fingertip").xpos[:2]
        np.testing.assert_allclose(observation["achieved_goal"], fingertip, atol=1e-7)


def test_targets_are_uniform_by_area() -> None:
    """In a disc of radius R half of the area lies within R / sqrt(2), a quarter within R / 2."""
    env = GoalReacherVectorEnv(num_envs=4000, threads=0)
    targets = env.reset(seed=0)[0]["desired_goal"]
    radius = np.hypot(*targets.T)
    assert radius.max() <= 0.2
    assert abs((radius < 0.2 / np.sqrt(2)).mean() - 0.5) < 0.03
    assert abs((radius < 0.1).mean() - 0.25) < 0.03
    np.testing.assert_allclose(targets.mean(axis=0), 0.0, atol=0.007)


def test_arm_starts_with_reacher_v5s_noise() -> None:
    env = GoalReacherVectorEnv(num_envs=2000, threads=0)
    observation = env.reset(seed=0)[0]["observation"]
    angles = np.arctan2(observation[:, 2:4], observation[:, :2])
    for values, bound in ((angles, 0.1), (observation[:, 4:], 0.005)):
        assert np.abs(values).max() <= bound
        assert abs(values.std() / (bound / np.sqrt(3)) - 1.0) < 0.05


def test_fingertip_from_angles() -> None:
    """q = (90, -90) degrees: elbow at (0, 0.1), fingertip 0.11 further in x."""
    env = GoalReacherVectorEnv(num_envs=1, threads=0)
    env.reset(seed=0)
    state = env.get_state()
    state["arrays"]["physics"][0, 1:3] = np.deg2rad([90.0, -90.0])
    env.set_state(state)
    fingertip = env.observe()["achieved_goal"][0]
    np.testing.assert_allclose(fingertip, [0.11, 0.1], atol=1e-15)


@pytest.mark.parametrize(
    ("reward_type", "expected"),
    [("sparse", [0.0, -1.0, 0.0]), ("dense", [-0.01, -0.05, 0.0])],
)
def test_reward_of_arrays_and_tensors(reward_type: str, expected: list[float]) -> None:
    """Distances 0.01, 0.05 = |(0.03, 0.04)| and 0 against a threshold of 0.02."""
    env = GoalReacherEnv(reward_type=reward_type)
    achieved = np.array([[0.01, 0.0], [0.03, 0.04], [0.1, 0.1]])
    desired = np.array([[0.0, 0.0], [0.0, 0.0], [0.1, 0.1]])
    np.testing.assert_allclose(env.compute_reward(achieved, desired, {}), expected)
    tensor = env.compute_reward(torch.tensor(achieved), torch.tensor(desired), {})
    np.testing.assert_allclose(tensor.numpy(), expected)
    stacked = env.compute_reward(achieved[None], desired[None])
    assert stacked.shape == (1, 3)
    assert env.compute_reward(achieved[1], desired[1], {}) == pytest.approx(expected[1])


def test_paid_reward_is_the_recomputed_one() -> None:
    env = GoalReacherVectorEnv(num_envs=32, threads=0)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    paid = []
    for _ in range(49):
        observations, rewards, _, _, infos = env.step(rng.uniform(-0.2, 0.2, (32, 2)))
        goals = observations["achieved_goal"], observations["desired_goal"]
        np.testing.assert_array_equal(env.compute_reward(*goals, {}), rewards)
        np.testing.assert_array_equal(infos["is_success"], rewards == 0.0)
        paid.append(rewards)
    assert 0.0 in np.concatenate(paid)


def test_both_forms_truncate_at_the_same_step() -> None:
    cases: list[tuple[int, dict[str, Any]]] = [
        (50, {}),
        (7, {"episode_steps": 7}),
        (9, {"max_episode_steps": 9}),
    ]
    for limit, extra in cases:
        single = gym.make("bnpo/GoalReacher-v0", **extra)
        batch = gym.make_vec(
            "bnpo/GoalReacher-v0", num_envs=2, vectorization_mode="vector_entry_point", **extra
        )
        single.reset(seed=0)
        batch.reset(seed=0)
        for step in range(1, limit + 1):
            _, _, terminated, truncated, _ = single.step(np.zeros(2))
            _, _, terminations, truncations, _ = batch.step(np.zeros((2, 2)))
            assert (terminated, truncated) == (False, step == limit)
            assert not terminations.any()
            assert (truncations == (step == limit)).all()
        batch.close()


def test_target_can_be_fixed_for_one_episode() -> None:
    env = GoalReacherEnv()
    observation, _ = env.reset(seed=0, options={"target": (0.05, -0.1)})
    np.testing.assert_array_equal(observation["desired_goal"], [0.05, -0.1])
    unfixed, _ = env.reset()
    assert not np.array_equal(unfixed["desired_goal"], [0.05, -0.1])
    free = GoalReacherEnv()
    free.reset(seed=0)
    np.testing.assert_array_equal(free.reset()[0]["desired_goal"], unfixed["desired_goal"])


@pytest.mark.parametrize(
    "target", [(0.2, 0.2), (0.1,), (float("nan"), 0.0), "there", None, [[0.0, 0.0], [0.1, 0.0]]]
)
def test_bad_targets_are_refused(target: object) -> None:
    env = GoalReacherEnv()
    with pytest.raises(ValueError, match="target="):
        env.reset(seed=0, options={"target": target})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distance_treshold": 0.1}, "unknown argument .* did you mean 'distance_threshold'"),
        ({"distance_threshold": -0.1}, "distance_threshold=-0.1 must be a finite number above 0"),
        ({"reward_type": "shaped"}, "reward_type='shaped' must be one of 'sparse', 'dense'"),
        ({"episode_steps": 1.5}, "episode_steps=1.5 must be an integer of at least 1"),
        ({"target_radius": 0.5}, "target_radius=0.5 must be at most 0.21"),
        ({"render_mode": "human"}, "render_mode='human' must be one of 'rgb_array'"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GoalReacherEnv(**settings)


def test_passes_gymnasiums_checker() -> None:
    env = gym.make("bnpo/GoalReacher-v0", render_mode="rgb_array").unwrapped
    with pytest.warns(UserWarning, match="infinity"):
        check_env(env)
    env.close()


def test_picture_turns_green_when_reached() -> None:
    env = GoalReacherEnv(render_mode="rgb_array")
    pictures = {}
    for name, target in (("far", (0.0, 0.2)), ("near", (0.2, 0.0))):
        env.reset(seed=0, options={"target": target})
        pictures[name] = env.render()
    for name, red, green in (("far", True, False), ("near", False, True)):
        picture = pictures[name]
        assert picture is not None
        assert picture.shape == (400, 400, 3)
        pixels = picture.astype(int)
        assert (np.abs(pixels - (214, 69, 65)).sum(-1) < 12).any() == red
        assert (np.abs(pixels - (52, 152, 88)).sum(-1) < 12).any() == green
    assert GoalReacherEnv().render() is None
