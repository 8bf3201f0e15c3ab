"""Motors of the goal Reacher that fail by chance: noise, and the zone in which they stall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from bnpo.envs import GoalReacherEnv, GoalReacherVectorEnv, step_info
from bnpo.presets import TASKS
from tests.envs.reacher.test_vector_goal_env import assert_same

EVERYWHERE = (0.0, 0.0, 0.3)
FAILING: dict[str, Any] = {
    "motor_noise": 0.3,
    "stall_zone": EVERYWHERE,
    "stall_probability": 0.2,
    "stall_steps": 3,
    "episode_steps": 8,
}


def test_noise_is_that_of_a_random_action() -> None:
    """Noise of 0.1 on an action of 0.2 spreads the joint speeds as actions of 0.1 would move them.

    The arm is nearly linear over one step, so mean and deviation of 4,000 arms follow from two
    steps without noise; the mean of 4,000 has a standard error of 1.6 % of the deviation.
    """
    calm = GoalReacherVectorEnv(num_envs=4_000, threads=0)
    noisy = GoalReacherVectorEnv(num_envs=4_000, threads=0, motor_noise=0.1)
    speeds = []
    for env, action in ((calm, 0.2), (calm, 0.3), (noisy, 0.2)):
        env.reset(seed=0)
        speeds.append(env.step(np.full((4_000, 2), action))[0]["observation"][:, 4:])
    expected, moved, measured = speeds
    deviation = (moved - expected).mean(0)
    np.testing.assert_allclose((measured - expected).mean(0), 0.0, atol=0.06 * deviation.max())
    np.testing.assert_allclose((measured - expected).std(0), deviation, rtol=0.05)


def test_noise_of_one_environment_is_its_own() -> None:
    env = GoalReacherVectorEnv(num_envs=2, threads=0, motor_noise=0.1)
    env.reset(seed=[5, 5])
    same = env.step(np.zeros((2, 2)))[0]["observation"]
    np.testing.assert_array_equal(same[0], same[1])
    env.reset(seed=[5, 6])
    other = env.step(np.zeros((2, 2)))[0]["observation"]
    assert not np.array_equal(other[0], other[1])


def test_stalled_arms_stand_still_until_the_episode_ends() -> None:
    """With the whole plane as zone, a share p = 0.25 of 2,000 arms stalls in the first step; two
    standard errors are 0.02. By step 5 a share 1 - 0.75^5 = 0.763 does."""
    env = GoalReacherVectorEnv(
        num_envs=2_000, threads=0, stall_zone=EVERYWHERE, stall_probability=0.25
    )
    before = env.reset(seed=0)[0]
    push = np.full((2_000, 2), 0.5)
    after, _, _, _, infos = env.step(push)
    stalled = infos["stalled"]
    assert abs(stalled.mean() - 0.25) < 0.02
    np.testing.assert_array_equal(after["observation"][:, 6], stalled)
    still = np.abs(after["achieved_goal"] - before["achieved_goal"]).max(-1) < 1e-12
    np.testing.assert_array_equal(still, stalled)
    for _ in range(4):
        later, _, _, _, infos = env.step(push)
    assert abs(infos["stalled"].mean() - 0.763) < 0.02
    np.testing.assert_allclose(
        later["achieved_goal"][stalled], before["achieved_goal"][stalled], atol=1e-12
    )
    np.testing.assert_array_equal(later["observation"][stalled][:, 4:6], 0.0)


def test_stalls_can_be_short() -> None:
    """p = 1 and k = 3: stalled in steps 1 to 3, and again from step 4 on; the number observed is
    the share of the stall that is left."""
    env = GoalReacherVectorEnv(
        num_envs=1, threads=0, stall_zone=EVERYWHERE, stall_probability=1.0, stall_steps=3
    )
    env.reset(seed=0)
    left = [env.step(np.ones((1, 2)))[0]["observation"][0, 6] for _ in range(6)]
    np.testing.assert_allclose(left, [2 / 3, 1 / 3, 0.0, 2 / 3, 1 / 3, 0.0])


def test_nothing_stalls_outside_of_the_zone() -> None:
    """Chance does as much to an arm outside of the zone as if there were none."""
    far = GoalReacherVectorEnv(
        num_envs=9, threads=0, stall_zone=(1.0, 1.0, 0.1), stall_probability=1.0
    )
    plain = GoalReacherVectorEnv(num_envs=9, threads=0)
    far.reset(seed=0)
    plain.reset(seed=0)
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 9, 2)):
        moved, reference = far.step(action)[0], plain.step(action)[0]
        np.testing.assert_array_equal(moved["observation"][:, :6], reference["observation"])
    assert (moved["observation"][:, 6] == 0.0).all()


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_batch_equals_singles(mode: AutoresetMode) -> None:
    batch = GoalReacherVectorEnv(num_envs=5, threads=2, autoreset_mode=mode, **FAILING)
    singles = SyncVectorEnv(
        [lambda: gym.make("bnpo/GoalReacher-v0", **FAILING)] * 5, autoreset_mode=mode
    )
    assert_same(batch.reset(seed=7), singles.reset(seed=7))
    stalls = 0
    for action in np.random.default_rng(0).uniform(-1, 1, (30, 5, 2)).astype(np.float32):
        ours, theirs = batch.step(action), singles.step(action)
        assert_same(ours[0], theirs[0])
        assert_same(ours[4], theirs[4])
        np.testing.assert_array_equal(ours[1], theirs[1])
        stalls += int(np.nansum(step_info(ours[4], "stalled", 5)))
    assert stalls > 10
    batch.close()


def test_saved_state_holds_the_luck() -> None:
    """A copy of the state meets the same noise and the same stalls, over an episode's end."""
    env, other = (GoalReacherVectorEnv(num_envs=4, threads=0, **FAILING) for _ in range(2))
    rng = np.random.default_rng(0)
    env.reset(seed=3)
    for _ in range(3):
        env.step(rng.uniform(-1, 1, (4, 2)))
    other.set_state(env.get_state())
    for _ in range(12):
        actions = rng.uniform(-1, 1, (4, 2))
        assert_same(env.step(actions), other.step(actions))


def test_simulating_leaves_nothing_to_chance() -> None:
    """Plans are made on the motors as they should be: no noise, no new stall."""
    env = GoalReacherVectorEnv(num_envs=3, threads=0, **{**FAILING, "stall_probability": 1.0})
    plain = GoalReacherVectorEnv(num_envs=3, threads=0)
    for one in (env, plain):
        one.reset(seed=0)
        one.simulate(np.full((3, 2), 0.5))
    np.testing.assert_array_equal(
        env.observe()["observation"][:, :6], plain.observe()["observation"]
    )


def test_paid_reward_is_the_recomputed_one() -> None:
    env = GoalReacherVectorEnv(num_envs=32, threads=0, **TASKS["stall_reacher"]["env_kwargs"])
    env.reset(seed=0)
    for action in np.random.default_rng(0).uniform(-0.3, 0.3, (49, 32, 2)):
        observations, rewards, _, _, _ = env.step(action)
        goals = observations["achieved_goal"], observations["desired_goal"]
        np.testing.assert_array_equal(env.compute_reward(*goals, {}), rewards)


def test_targets_lie_in_a_disc_elsewhere() -> None:
    env = GoalReacherVectorEnv(
        num_envs=1_000, threads=0, target_center=(-0.1, 0.05), target_radius=0.04
    )
    targets = env.reset(seed=0)[0]["desired_goal"]
    radius = np.hypot(targets[:, 0] + 0.1, targets[:, 1] - 0.05)
    assert radius.max() <= 0.04
    assert abs((radius < 0.02).mean() - 0.25) < 0.04


def test_the_optimum_and_hindsight_part_by_a_tenth() -> None:
    """What benchmarks/stall_model.py left: the zone decides, and the arm behaves as the model."""
    results = Path(__file__).parents[3] / "benchmarks" / "results" / "stall_model.json"
    content = json.loads(results.read_text(encoding="utf-8"))
    model, arm = content["model"], content["arm"]
    assert model["optimum"]["success"] - model["hindsight at 0.8"]["success"] >= 0.1
    assert arm["round the zone"]["success"] - arm["fastest"]["success"] >= 0.1
    assert arm["round the zone"]["steps"] - arm["fastest"]["steps"] <= 5.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"motor_noise": -0.1}, "motor_noise=-0.1 must be a finite number of at least 0"),
        ({"stall_zone": (0.1, 0.1)}, "stall_zone=.* must be three finite numbers x, y, radius"),
        ({"stall_zone": (0.1, 0.1, 0.0)}, "stall_zone=.* the radius above 0"),
        ({"stall_zone": "left"}, "stall_zone='left' must be three finite numbers"),
        ({"stall_probability": 1.5}, "stall_probability=1.5 must be at most 1"),
        ({"stall_steps": 0}, "stall_steps=0 must be an integer of at least 1"),
        ({"target_center": (0.1, 0.0)}, "target_center=.* must be at most 0.01 from the shoulder"),
        ({"target_center": 0.1}, "target_center=0.1 must be two finite numbers x, y"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GoalReacherEnv(**settings)


def test_passes_gymnasiums_checker() -> None:
    env = gym.make("bnpo/GoalReacher-v0", render_mode="rgb_array", **FAILING).unwrapped
    with pytest.warns(UserWarning, match="infinity"):
        check_env(env)
    env.close()


def test_picture_shows_the_zone_and_the_stall() -> None:
    def has(picture: Any, colour: tuple[int, int, int]) -> bool:
        return bool((np.abs(picture.astype(int) - colour).sum(-1) < 12).any())

    env = GoalReacherEnv(render_mode="rgb_array", stall_zone=(0.15, 0.0, 0.1), stall_probability=1)
    env.reset(seed=0)
    working = env.render()
    assert has(working, (236, 227, 243))
    assert has(working, (46, 94, 140))
    env.step(np.ones(2))
    stalled = env.render()
    assert has(stalled, (236, 227, 243))
    assert not has(stalled, (46, 94, 140))
