"""The hockey Reacher: symmetric physics, both sides of a game, the scripted player."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from bnpo.envs import (
    HockeyGoalReacherEnv,
    HockeyReacherEnv,
    HockeyReacherVectorEnv,
)
from bnpo.envs.reacher.hockey_opponent import scripted_action
from bnpo.envs.reacher.hockey_rink import (
    HALF_LENGTH,
    HALF_WIDTH,
    MALLET_RADIUS,
    rink_xml,
)
from bnpo.presets import TASKS
from tests.envs.reacher.test_vector_goal_env import assert_same

FloatArray = npt.NDArray[np.float64]
REST = np.zeros((1, 2))


def game(num_envs: int = 1, **settings: Any) -> HockeyReacherVectorEnv:
    env = HockeyReacherVectorEnv(num_envs=num_envs, threads=0, **settings)
    env.reset(seed=0)
    return env


def turned(physics: FloatArray) -> FloatArray:
    """State of the rink seen from the other end: arms swap, the puck turns by half a turn."""
    other = physics.copy()
    for at in (1, 7):  # positions, velocities
        other[..., at : at + 2] = physics[..., at + 2 : at + 4]
        other[..., at + 2 : at + 4] = physics[..., at : at + 2]
        other[..., at + 4 : at + 6] = -physics[..., at + 4 : at + 6]
    return other


def test_both_sides_play_the_same_game() -> None:
    """Turned rinks with swapped actions stay turned, and who wins one loses the other."""
    first, second = game(32), game(32)
    state = first.get_state()
    np.testing.assert_allclose(first.other_view()[:, 0], -first.observe()[:, 0], atol=1e-15)
    state["arrays"]["physics"] = turned(state["arrays"]["physics"])
    second.set_state(state)
    rng, sums = np.random.default_rng(0), np.zeros((2, 32))
    for _ in range(40):
        np.testing.assert_allclose(first.observe(), second.other_view(), atol=1e-6)
        np.testing.assert_allclose(first.other_view(), second.observe(), atol=1e-6)
        one, other = rng.uniform(-1, 1, (2, 32, 2))
        paid = first.step_both(one, other)[1], second.step_both(other, one)[1]
        sums += paid
        if np.any(paid):
            break  # the games that begin now are not turned
    assert np.abs(sums[0]).sum() > 0
    np.testing.assert_array_equal(sums[0], -sums[1])


def test_a_puck_in_a_mouth_ends_the_game() -> None:
    """Shots at 3 m/s: into the other mouth +1, into one's own -1, beside a mouth they bounce off.

    From 0.3 m to the end at 0.375 m a puck takes 0.025 s, so two steps.
    """
    for puck, goal in (
        ((0.3, 0.05, 3.0, 0.0), 1.0),
        ((-0.34, 0.06, -3.0, 0.0), -1.0),
        ((0.3, 0.15, 3.0, 0.0), 0.0),
    ):
        env = HockeyReacherEnv()
        env.reset(seed=0, options={"puck": puck})
        for _ in range(3):
            observation, reward, terminated, truncated, info = env.step(np.zeros(2))
            if terminated:
                break
        assert (reward, terminated, truncated) == (goal, goal != 0.0, False)
        assert info["goal"] == goal
        if goal == 0.0:
            assert observation[2] < 0.0  # it comes back
        else:
            with pytest.raises(ResetNeeded, match="ended their episode"):
                env.step(np.zeros(2))


def test_a_goal_begins_a_new_game_of_that_row_alone() -> None:
    env = game(2)
    pucks = np.array([(0.3, 0.05, 3.0, 0.0), (0.0, 0.0, 0.0, 0.0)])
    env.reset(options={"puck": pucks})
    terminated, steps = np.zeros(2, bool), 0
    while not terminated.any():
        observations, rewards, terminated, truncated, infos = env.step(np.zeros((2, 2)))
        steps += 1
    assert steps == 2
    assert rewards.tolist() == [1.0, 0.0]
    assert terminated.tolist() == [True, False]
    assert not truncated.any()
    assert env.elapsed.tolist() == [0, 2]
    assert infos["final_obs"][0][0] > 0.3  # the puck at the other end
    assert observations[0, 0] == 0.0  # face-off on the centre line
    assert infos["final_info"]["goal"][0] == 1.0


def test_nothing_adds_energy() -> None:
    """Motors off: the kinetic energy never exceeds that of the first puck, whatever it meets."""
    model = mujoco.MjModel.from_xml_string(rink_xml())
    data = mujoco.MjData(model)
    for velocity in ((3.0, 0.7), (-2.0, 1.9), (-2.5, 0.1)):
        env = game(mouth_width=1e-6)
        env.reset(options={"puck": (0.0, 0.02, *velocity)})
        state = env.get_state()
        state["arrays"]["physics"][:, 7:11] = 0.0
        env.set_state(state)
        first = 0.5 * 0.03 * np.square(velocity).sum()
        for _ in range(100):
            env.step_both(REST, REST)
            data.qpos[:], data.qvel[:] = np.split(env.arrays()["physics"][0, 1:], 2)
            mujoco.mj_forward(model, data)
            mujoco.mj_energyVel(model, data)
            assert data.energy[1] <= first


def test_mallets_stay_in_their_halves_and_the_puck_in_the_rink() -> None:
    """Up to what contacts give way: 1 cm for mallets at full torque, a puck's radius for a puck."""
    env = game(64)
    rng = np.random.default_rng(0)
    for _ in range(30):
        own, other = rng.choice((-1.0, 1.0), (2, 64, 2))
        for _ in range(5):
            env.step_both(own, other)
            seen = env.observe()
            for mallet, sign in ((seen[:, 4:6], -1.0), (seen[:, 14:16], 1.0)):
                along = sign * mallet[:, 0]
                assert along.min() > MALLET_RADIUS - 0.01
                assert along.max() < HALF_LENGTH - MALLET_RADIUS + 0.01
                assert np.abs(mallet[:, 1]).max() < HALF_WIDTH - MALLET_RADIUS + 0.01
            assert np.abs(seen[:, 0]).max() < HALF_LENGTH
            assert np.abs(seen[:, 1]).max() < HALF_WIDTH


def test_velocities_are_what_places_change_by() -> None:
    """Own mallet, other mallet and puck over one short step without motors."""
    env = game(8)
    before = env.observe()
    env.step_both(np.zeros((8, 2)), np.zeros((8, 2)))
    after = env.observe()
    for place, velocity in ((0, 2), (4, 6), (14, 16)):
        moved = (after - before)[:, place : place + 2] / 0.02
        mean = 0.5 * (after + before)[:, velocity : velocity + 2]
        np.testing.assert_allclose(moved, mean, atol=0.01)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_batch_equals_singles(mode: AutoresetMode) -> None:
    settings: dict[str, Any] = {"episode_steps": 30, "puck_speed": 2.0}
    batch = HockeyReacherVectorEnv(num_envs=6, threads=2, autoreset_mode=mode, **settings)
    singles = SyncVectorEnv(
        [lambda: gym.make("bnpo/HockeyReacher-v0", **settings)] * 6, autoreset_mode=mode
    )
    assert_same(batch.reset(seed=3), singles.reset(seed=3))
    goals = 0
    for action in np.random.default_rng(0).uniform(-1, 1, (70, 6, 2)).astype(np.float32):
        ours, theirs = batch.step(action), singles.step(action)
        assert_same(ours[0], theirs[0])
        for mine, other in zip(ours[1:4], theirs[1:4], strict=True):
            np.testing.assert_array_equal(mine, other)
        assert_same(ours[4], theirs[4])
        goals += int(ours[2].sum())
    assert goals > 0
    batch.close()


def test_saved_state_resumes_exactly() -> None:
    env, other = game(5, puck_speed=2.0), game(5, puck_speed=2.0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        env.step(rng.uniform(-1, 1, (5, 2)))
    other.set_state(env.get_state())
    for _ in range(40):
        own, opposite = rng.uniform(-1, 1, (2, 5, 2))
        assert_same(env.step_both(own, opposite), other.step_both(own, opposite))
        np.testing.assert_array_equal(env.other_view(), other.other_view())


def test_step_plays_the_scripted_side() -> None:
    env, other = game(4), game(4)
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 4, 2)):
        both = other.step_both(action, scripted_action(other.other_view()))
        assert_same(env.step(action), both)


def test_bad_actions_of_the_other_side_are_refused() -> None:
    env = game(2)
    before = env.get_state()
    with pytest.raises(ValueError, match="actions of shape"):
        env.step_both(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="actions hold nan"):
        env.step_both(np.zeros((2, 2)), np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="actions hold nan"):
        env.step_both(np.full((2, 2), np.nan), np.zeros((2, 2)))
    assert_same(env.get_state(), before)


def test_the_scripted_player_is_a_measure() -> None:
    """It wins at least 85 % of the decided games against random play, and half against itself.

    Of some 100 games against itself three standard errors are 0.15.
    """
    rng = np.random.default_rng(0)
    for itself in (False, True):
        env = game(256)
        won = lost = 0
        action = np.zeros((256, 2))
        for step in range(200):
            if itself:
                action = scripted_action(env.observe())
            elif step % 3 == 0:
                action = rng.uniform(-1, 1, (256, 2))
            rewards = env.step(action)[1]
            won, lost = won + int((rewards > 0).sum()), lost + int((rewards < 0).sum())
        assert won + lost > 60
        share = lost / (won + lost)
        assert abs(share - 0.5) < 0.15 if itself else share > 0.85


def test_face_offs_favour_nobody() -> None:
    """The puck moves towards either side with equal chance, at 0.5 to 1.5 times its speed."""
    env = HockeyReacherVectorEnv(num_envs=2_000, threads=0, puck_speed=0.4)
    seen = env.reset(seed=0)[0]
    assert (seen[:, 0] == 0.0).all()
    assert abs((seen[:, 2] > 0).mean() - 0.5) < 0.04
    assert np.abs(seen[:, 2]).min() >= 0.2
    assert np.abs(seen[:, 2]).max() <= 0.6
    assert np.abs(seen[:, 3]).max() <= 0.4
    assert np.abs(seen[:, 1]).max() <= 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mouth_width": 0}, "mouth_width=0 must be a finite number above 0"),
        ({"mouth_width": 0.5}, "mouth_width=0.5 must be at most 0.4"),
        ({"puck_speed": -1}, "puck_speed=-1 must be a finite number of at least 0"),
        ({"episode_steps": 0}, "episode_steps=0 must be an integer of at least 1"),
        ({"mouth": 0.1}, "unknown argument 'mouth'"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    for kind in (HockeyReacherEnv, HockeyGoalReacherEnv):
        with pytest.raises(ValueError, match=message):
            kind(**settings)


@pytest.mark.parametrize(
    "puck", [(0.0, 0.0), (0.4, 0.0, 0.0, 0.0), (0.0, np.nan, 0.0, 0.0), "left"]
)
def test_bad_pucks_are_refused(puck: object) -> None:
    with pytest.raises(ValueError, match="puck="):
        HockeyReacherEnv().reset(seed=0, options={"puck": puck})


@pytest.mark.parametrize("name", ["HockeyReacher", "HockeyGoalReacher"])
def test_passes_gymnasiums_checker(name: str) -> None:
    env = gym.make(f"bnpo/{name}-v0", render_mode="rgb_array").unwrapped
    with pytest.warns(UserWarning, match="infinity"):
        check_env(env)
    env.close()


def test_picture_shows_both_arms_and_the_puck() -> None:
    env = HockeyReacherEnv(render_mode="rgb_array")
    env.reset(seed=0, options={"puck": (0.1, 0.1, 0.0, 0.0)})
    picture = env.render()
    assert picture is not None
    assert picture.shape == (400, 400, 3)
    pixels = picture.astype(int)
    for half, colour in ((pixels[:, :200], (52, 152, 88)), (pixels[:, 200:], (214, 69, 65))):
        for part in (colour, (46, 94, 140)):  # mallet and mouth, upper arm
            assert (np.abs(half - part).sum(-1) < 12).any()
    puck = pixels[200 - 40, 200 + 40]  # 0.1 m are 39.5 pixels
    np.testing.assert_allclose(puck, (70, 74, 82), atol=4)


def test_tasks_have_the_environments_horizon() -> None:
    assert TASKS["hockey_reacher"]["env"] == "bnpo/HockeyReacher-v0"
    assert TASKS["hockey_goal_reacher"]["env"] == "bnpo/HockeyGoalReacher-v0"
    assert HockeyReacherEnv().episode_steps == 200
