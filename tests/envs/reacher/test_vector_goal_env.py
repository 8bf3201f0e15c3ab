"""What the Reachers share: seeding, episodes, autoreset, infos, saved state, refused actions."""

from __future__ import annotations

import json
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from bnpo.envs import (
    GoalReacherVectorEnv,
    HockeyGoalReacherVectorEnv,
    MovingReacherVectorEnv,
    SlideReacherVectorEnv,
)
from bnpo.envs.reacher.vector_goal_env import VectorGoalEnv

IDS = {
    GoalReacherVectorEnv: "bnpo/GoalReacher-v0",
    MovingReacherVectorEnv: "bnpo/MovingReacher-v0",
    SlideReacherVectorEnv: "bnpo/SlideReacher-v0",
    HockeyGoalReacherVectorEnv: "bnpo/HockeyGoalReacher-v0",
}

# Where reaching the goal ends an episode, a goal that is never reached, so that time alone does.
ENDLESS: dict[type[Any], dict[str, Any]] = {
    HockeyGoalReacherVectorEnv: {"distance_threshold": 1e-9}
}

EACH = pytest.mark.parametrize("kind", list(IDS))


def make(kind: type[Any], num_envs: int = 3, **settings: Any) -> VectorGoalEnv:
    env = kind(num_envs=num_envs, **ENDLESS.get(kind, {}), **settings)
    assert isinstance(env, VectorGoalEnv)
    return env


def assert_same(first: Any, second: Any) -> None:
    """Nested dicts and arrays are equal bit for bit, and of the same types."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, tuple) or (isinstance(first, np.ndarray) and first.dtype == object):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        np.testing.assert_array_equal(first, second)
        assert np.asarray(first).dtype == np.asarray(second).dtype


@EACH
@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_batch_equals_gymnasiums_batch_of_singles(kind: type[Any], mode: AutoresetMode) -> None:
    """Environment i of a batch seeded s is the single one seeded s + i; infos have one format."""
    batch = make(kind, num_envs=5, threads=2, episode_steps=8, autoreset_mode=mode)
    singles = SyncVectorEnv(
        [lambda: gym.make(IDS[kind], episode_steps=8, **ENDLESS.get(kind, {}))] * 5,
        autoreset_mode=mode,
    )
    rng = np.random.default_rng(0)
    assert_same(batch.reset(seed=7), singles.reset(seed=7))
    # From the fourth step on the episodes end at different steps.
    mask = {"reset_mask": np.array([True, False, False, True, False])}
    for step in range(30):
        if step == 4:
            assert_same(batch.reset(options=dict(mask)), singles.reset(options=dict(mask)))
        actions = rng.uniform(-1.2, 1.2, batch.action_space.shape or ()).astype(np.float32)
        ours, theirs = batch.step(actions), singles.step(np.clip(actions, -1, 1))
        assert_same(ours[0], theirs[0])
        for mine, other in zip(ours[1:4], theirs[1:4], strict=True):
            np.testing.assert_array_equal(mine, other)
        assert_same(ours[4], theirs[4])
    batch.close()


@EACH
def test_long_episodes_do_not_drift_apart(kind: type[Any]) -> None:
    """Chaotic motion would blow up any difference in rounding between batch sizes."""
    batches = [make(kind, num_envs=n, threads=t, episode_steps=400) for n, t in ((1, 0), (33, 3))]
    for batch in batches:
        batch.reset(seed=5)
    rng = np.random.default_rng(0)
    for _ in range(400):
        action = rng.uniform(-1, 1, batches[0].single_action_space.shape or ())
        one, many = (batch.step(np.tile(action, (batch.num_envs, 1))) for batch in batches)
    for key, value in one[4]["final_obs"][0].items():
        np.testing.assert_array_equal(value, many[4]["final_obs"][0][key])
    for batch in batches:
        batch.close()


@EACH
def test_final_observation_is_the_real_one(kind: type[Any]) -> None:
    env = make(kind, episode_steps=2, threads=0)
    still = make(kind, episode_steps=3, threads=0)
    actions = np.full(env.action_space.shape or (), 0.5)
    for one in (env, still):
        one.reset(seed=0)
        one.step(actions)
    observations, _, _, truncations, infos = env.step(actions)
    expected = still.step(actions)[0]
    assert truncations.all()
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    for index in range(3):
        for key, rows in expected.items():
            np.testing.assert_array_equal(infos["final_obs"][index][key], rows[index])
    assert not np.array_equal(observations["desired_goal"], expected["desired_goal"])


@EACH
def test_saved_state_resumes_exactly(kind: type[Any]) -> None:
    """Through JSON for what is not an array, over an episode's end, into another object."""
    env, other = make(kind, episode_steps=7, threads=0), make(kind, episode_steps=7, threads=2)
    rng = np.random.default_rng(0)
    shape = env.action_space.shape or ()
    env.reset(seed=3)
    for _ in range(4):
        env.step(rng.uniform(-1, 1, shape))
    state = env.get_state()
    arrays = {"arrays": state["arrays"], "elapsed": state["elapsed"], "finished": state["finished"]}
    generators = json.loads(json.dumps(state["generators"]))
    other.set_state({**arrays, "generators": generators})
    for _ in range(10):
        actions = rng.uniform(-1, 1, shape)
        assert_same(env.step(actions), other.step(actions))
    other.set_state(state)  # getting a state copies it: the steps since did not change it
    assert (other.get_state()["elapsed"] == 4).all()
    other.close()


@EACH
def test_state_of_another_batch_is_refused(kind: type[Any]) -> None:
    env, larger = make(kind, threads=0), make(kind, num_envs=4, threads=0)
    larger.reset(seed=0)
    with pytest.raises(ValueError, match=r"state\['physics'\] has shape \(4, \d+\), allowed is"):
        env.set_state(larger.get_state())


@EACH
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_actions_that_are_not_finite_never_reach_the_simulator(kind: type[Any], bad: float) -> None:
    env = make(kind, threads=0)
    env.reset(seed=0)
    before = env.get_state()
    actions = np.zeros(env.action_space.shape or ())
    actions[1, 1] = bad
    with pytest.raises(ValueError, match=r"actions hold -?(nan|inf) at index \(1, 1\)"):
        env.step(actions)
    assert_same(env.get_state(), before)


@EACH
def test_actions_of_the_wrong_shape_are_refused(kind: type[Any]) -> None:
    env = make(kind, threads=0)
    env.reset(seed=0)
    size = env.single_action_space.shape or ()
    for wrong in (np.zeros(size), np.zeros((4, *size)), np.zeros((3, size[0] + 1)), "left"):
        with pytest.raises(ValueError, match=r"actions of shape .* allowed are numbers of shape"):
            env.step(wrong)  # type: ignore[arg-type]
    single = gym.make(IDS[kind]).unwrapped
    single.reset(seed=0)
    with pytest.raises(ValueError, match="actions of shape"):
        single.step(np.zeros((1, *size)))


@EACH
def test_returned_arrays_are_left_alone(kind: type[Any]) -> None:
    env = make(kind, threads=0)
    observations, _ = env.reset(seed=0)
    actions = np.ones(env.action_space.shape or ())
    results = [observations, *(part for _ in range(3) for part in env.step(actions))]
    copies = [
        {key: np.copy(rows) for key, rows in part.items()}
        if isinstance(part, dict)
        else part.copy()
        for part in results
    ]
    env.step(-actions)
    env.reset(seed=1)
    for part, copy in zip(results, copies, strict=True):
        assert_same(part, copy)


@EACH
def test_episode_statistics_wrapper_works(kind: type[Any]) -> None:
    """Length and return of an episode are those of Gymnasium's wrapper around the batch."""
    env = RecordEpisodeStatistics(make(kind, episode_steps=5, threads=0))
    env.reset(seed=0)
    paid = []
    for _ in range(5):
        _, rewards, _, _, infos = env.step(np.zeros(env.action_space.shape or ()))
        paid.append(rewards)
    np.testing.assert_allclose(infos["episode"]["r"], np.sum(paid, axis=0))
    assert (infos["episode"]["l"] == 5).all()


@EACH
def test_without_autoreset_an_ended_episode_must_be_reset(kind: type[Any]) -> None:
    env = make(kind, episode_steps=1, threads=0, autoreset_mode="DISABLED")
    actions = np.zeros(env.action_space.shape or ())
    with pytest.raises(ResetNeeded, match="before step"):
        env.step(actions)
    env.reset(seed=0)
    _, _, _, truncations, infos = env.step(actions)
    assert truncations.all()
    assert "final_obs" not in infos
    with pytest.raises(ResetNeeded, match=r"environments \[0, 1, 2\] have ended"):
        env.step(actions)
    env.reset(options={"reset_mask": np.array([True, False, True])})
    with pytest.raises(ResetNeeded, match=r"environments \[1\] have ended"):
        env.step(actions)


@EACH
def test_seeds_are_per_environment(kind: type[Any]) -> None:
    env = make(kind, threads=0)
    by_number, _ = env.reset(seed=10)
    by_list, _ = env.reset(seed=[12, 11, 10])
    for key, rows in by_number.items():
        np.testing.assert_array_equal(rows, by_list[key][::-1])
    again, _ = env.reset()
    assert not np.array_equal(again["desired_goal"], by_list["desired_goal"])
    for seed in (-1, 1.5, [1, 2]):
        with pytest.raises(ValueError, match="seed"):
            env.reset(seed=seed)  # type: ignore[arg-type]


@EACH
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_envs": 0}, "num_envs=0 must be an integer of at least 1"),
        ({"threads": -1}, "threads=-1 must be an integer of at least 0"),
        ({"autoreset_mode": "Later"}, "autoreset_mode='Later' must be one of"),
        ({"max_episode_steps": 0}, "max_episode_steps=0 must be an integer of at least 1"),
    ],
)
def test_bad_batches_are_refused(kind: type[Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**settings)


@EACH
def test_reset_mask_leaves_the_others_alone(kind: type[Any]) -> None:
    env = make(kind, threads=0)
    env.reset(seed=0)
    stepped = env.step(np.ones(env.action_space.shape or ()))[0]
    after, _ = env.reset(options={"reset_mask": np.array([False, True, False])})
    for key, rows in stepped.items():
        np.testing.assert_array_equal(after[key][[0, 2]], rows[[0, 2]])
    assert not np.array_equal(after["achieved_goal"][1], stepped["achieved_goal"][1])
    assert env.elapsed.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.zeros(3, bool)})


def test_registering_twice_changes_nothing(recwarn: pytest.WarningsRecorder) -> None:
    from bnpo.envs import register_environments

    before = dict(gym.registry)
    register_environments()
    assert dict(gym.registry) == before
    assert not recwarn.list
