"""The moving Reacher against its specification."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from bnpo.envs import MovingReacherEnv, MovingReacherVectorEnv

FloatArray = npt.NDArray[np.float64]

# What Udacity's notebooks print after reset: goal at 46 degrees, speed -0.168164849.
LINK_AT_REST = [1.0, -0.0, -0.0, -4.37113883e-08, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
PRINTED_RESET = [
    *(0.0, -4.0, 0.0, *LINK_AT_REST),
    *(0.0, -10.0, 0.0, *LINK_AT_REST),
    *(5.75471878, -1.0, 5.55726624, 0.0, 1.0, 0.0, -0.168164849),
]


def test_reset_gives_the_printed_vector() -> None:
    env = MovingReacherEnv(obs_layout="unity")
    options = {"goal_angle": 46, "goal_speed": -0.168164849}
    observation, _ = env.reset(seed=0, options=options)
    assert observation["observation"].shape == (33,)
    np.testing.assert_allclose(observation["observation"], PRINTED_RESET, atol=1e-6)
    np.testing.assert_allclose(observation["achieved_goal"], [0.0, -13.0, 0.0], atol=1e-12)


def test_contact_is_paid_for_each_physics_step() -> None:
    """A sphere of 40 m swallows the hand: 4 x 0.01 per decision, summed in the score."""
    env = MovingReacherEnv(goal_size=40.0, reward_type="contact", episode_steps=3)
    env.reset(seed=1)
    for step in (1, 2, 3):
        _, reward, terminated, truncated, info = env.step(np.zeros(4))
        assert (reward, terminated, truncated) == (0.04, False, step == 3)
        assert info["contact_reward"] == pytest.approx(0.04)
        assert info["score"] == pytest.approx(0.04 * step)
        assert info["is_success"] is True


def test_score_begins_anew_with_each_episode() -> None:
    env = MovingReacherVectorEnv(num_envs=2, threads=0, goal_size=40.0, episode_steps=3)
    env.reset(seed=0)
    for step in range(6):
        *_, truncations, infos = env.step(np.zeros((2, 4)))
        assert truncations.all() == (step % 3 == 2)
    np.testing.assert_allclose(infos["final_info"]["score"], 3 * 0.04)


def test_contact_reward_counts_parts_of_a_decision() -> None:
    """The goal runs off at 10 degrees per physics step: contact is lost within the decision."""
    env = MovingReacherEnv(goal_size=24.0, reward_type="contact")  # contact below 13 m
    env.reset(seed=0, options={"goal_angle": 0, "goal_speed": 0.0})
    rewards = set()
    for speed in np.linspace(0, 40, 9):
        env.reset(options={"goal_angle": 0, "goal_speed": speed})
        env.step(np.array([-1.0, 0.0, -1.0, 0.0]))
        for _ in range(20):
            info = env.step(np.array([-1.0, 0.0, -1.0, 0.0]))[-1]
            rewards.add(round(info["contact_reward"], 6))
    assert rewards & {0.01, 0.02, 0.03}
    assert rewards <= {0.0, 0.01, 0.02, 0.03, 0.04}


def test_split_layout_reorders_the_original() -> None:
    """Observation = original 13:26, 0:13, 29:33; the goal is original 26:29."""
    options = {"goal_angle": 30, "goal_speed": 0.5}
    seen = {}
    for layout in ("unity", "split"):
        env = MovingReacherEnv(obs_layout=layout)
        env.reset(seed=0, options=options)
        for action in np.random.default_rng(0).uniform(-1, 1, (5, 4)):
            seen[layout] = env.step(action)[0]
    unity, split = seen["unity"]["observation"], seen["split"]
    expected = np.concatenate([unity[13:26], unity[0:13], unity[29:33]])
    np.testing.assert_array_equal(split["observation"], expected)
    np.testing.assert_array_equal(split["desired_goal"], unity[26:29])


def test_goal_runs_on_its_circle() -> None:
    """Four physics steps of v degrees in a decision; radius 8, height -1."""
    env = MovingReacherEnv()
    env.reset(options={"goal_angle": 90, "goal_speed": -0.5})
    for _ in range(10):
        observation = env.step(np.zeros(4))[0]
    radians = np.deg2rad(90 - 0.5 * 40)
    expected = [8 * np.sin(radians), -1.0, 8 * np.cos(radians)]
    np.testing.assert_allclose(observation["desired_goal"], expected, atol=1e-12)


def test_courses_are_drawn_as_specified() -> None:
    """Whole degrees in 0..359, speeds uniform in +- goal_speed."""
    env = MovingReacherVectorEnv(num_envs=3000, threads=0, goal_speed=0.5)
    env.reset(seed=0)
    arrays = env.get_state()["arrays"]
    angles, speeds = arrays["goal_angle"], arrays["goal_speed"]
    assert set(angles) <= set(range(360))
    assert len(set(angles)) > 340
    assert np.abs(speeds).max() <= 0.5
    assert abs(speeds.std() - 0.5 / np.sqrt(3)) < 0.01
    static = MovingReacherVectorEnv(num_envs=5, threads=0, goal_speed=0)
    before, _ = static.reset(seed=0)
    after = static.step(np.zeros((5, 4)))[0]
    np.testing.assert_array_equal(before["desired_goal"], after["desired_goal"])


@pytest.mark.parametrize(
    ("reward_type", "expected"),
    [
        ("sparse", [0.0, -1.0, -1.0]),
        ("contact", [0.04, 0.0, 0.0]),
        ("per_axis", [[0, 0, 0], [0, 0, 0], [-1, 0, 0]]),
    ],
)
def test_reward_types(reward_type: str, expected: list[float]) -> None:
    """Offsets (3, 1, 0): 3.16 m, touching; (3, 3, 0): 4.24 m, within reach along each axis only;
    (4, 0, 0): beyond 3.5 m along x."""
    env = MovingReacherEnv(reward_type=reward_type)
    hands = np.array([[3.0, 1.0, 0.0], [3.0, 3.0, 0.0], [4.0, 0.0, 0.0]])
    goals = np.zeros((3, 3))
    np.testing.assert_array_equal(env.compute_reward(hands, goals, {}), expected)
    tensor = env.compute_reward(torch.tensor(hands), torch.tensor(goals))
    np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-6)


def test_vector_reward_is_paid_and_declared() -> None:
    env = MovingReacherVectorEnv(num_envs=2, threads=0, reward_type="per_axis")
    env.reset(seed=0)
    observations, rewards, *_ = env.step(np.zeros((2, 4)))
    assert rewards.shape == (2, 3)
    assert env.reward_space.shape == (3,)
    near = np.abs(observations["achieved_goal"] - observations["desired_goal"]) < 3.5
    np.testing.assert_array_equal(rewards, near - 1.0)


def test_single_environment_passes_gymnasiums_checker(
    recwarn: pytest.WarningsRecorder,
) -> None:
    env = gym.make("bnpo/MovingReacher-v0", render_mode="rgb_array").unwrapped
    with pytest.warns(UserWarning, match="infinity"):
        check_env(env)
    env.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"goal_size": -1}, "goal_size=-1 must be"),
        ({"goal_speed": -0.1}, "goal_speed=-0.1 must be"),
        ({"reward_type": "dense"}, "reward_type='dense' must be one of 'sparse'"),
        ({"obs_layout": "Unity"}, "obs_layout='Unity' must be one of .*did you mean 'unity'"),
        ({"episode_steps": 0}, "episode_steps=0 must be an integer of at least 1"),
        ({"substeps": 2.5}, "substeps=2.5 must be an integer"),
        ({"goal_sped": 1}, "unknown argument 'goal_sped'; did you mean 'goal_speed'"),
        ({"max_angular_velocity": 0}, "max_angular_velocity=0 must be"),
        ({"goal_size": float("nan")}, "goal_size=nan must be"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MovingReacherEnv(**settings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal_angel": 3}, "unknown reset option 'goal_angel'; did you mean 'goal_angle'"),
        ({"goal_speed": "fast"}, "goal_speed='fast' must be"),
        ({"goal_angle": [1.0, 2.0]}, "goal_angle=.* must be"),
        ({"goal_angle": float("inf")}, "goal_angle=inf must be"),
    ],
)
def test_bad_reset_options_are_named(options: dict[str, Any], message: str) -> None:
    env = MovingReacherVectorEnv(num_envs=3, threads=0)
    with pytest.raises(ValueError, match=message):
        env.reset(seed=0, options=options)


def test_pictures_show_goal_and_hand() -> None:
    env = MovingReacherVectorEnv(num_envs=5, threads=0, render_mode="rgb_array")
    env.reset(seed=0)
    frames = env.render()
    assert frames is not None
    assert [frame.shape for frame in frames] == [(400, 400, 3)] * 5
    orange = np.abs(frames[0].astype(int) - (240, 140, 40)).sum(-1) < 12
    assert orange.sum() > 50
    assert not np.array_equal(frames[0], frames[1])  # their goals differ
    assert env.draw_grid(size=60).shape == (122, 184, 3)  # two rows of three, gaps of 2
