"""The process pool against Gymnasium's SyncVectorEnv."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from bnpo.envs import describe, make_vector_env
from bnpo.envs.workers.handles import WorkerProcess
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from tests.envs.walks import Plain, TwoRewards, Walk


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerVectorEnv]:
    """A pool for tests that leave it whole."""
    env = WorkerVectorEnv(Walk, num_envs=5, workers=2)
    yield env
    env.close()


def assert_same(first: Any, second: Any) -> None:
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, np.ndarray) and first.dtype == object:
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        np.testing.assert_array_equal(first, second)
        assert np.asarray(first).dtype == np.asarray(second).dtype


def processes_of(pool: WorkerVectorEnv) -> list[subprocess.Popen[bytes]]:
    return [worker.process for worker in pool.crew.workers if isinstance(worker, WorkerProcess)]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(Walk, AutoresetMode.SAME_STEP), (Plain, AutoresetMode.NEXT_STEP)],
)
def test_equals_gymnasiums_sync_vector_env(kind: type[Walk], mode: AutoresetMode) -> None:
    ours = WorkerVectorEnv(kind, num_envs=5, workers=2, autoreset_mode=mode)
    theirs = SyncVectorEnv([kind] * 5, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is mode
    assert ours.observation_space == theirs.observation_space
    options = {"where": "there"}
    for mine, other in zip(
        ours.reset(seed=3, options=options), theirs.reset(seed=3, options=options), strict=True
    ):
        assert_same(mine, other)
    rng = np.random.default_rng(0)
    ended = 0
    for step in range(25):
        actions = rng.uniform(-1, 1, (5, 2)).astype(np.float32)
        mine, other = ours.step(actions), theirs.step(actions)
        for one, two in zip(mine, other, strict=True):
            assert_same(one, two)
        ended += int(mine[2].sum() + mine[3].sum())
        if step == 10:
            mask = np.array([False, True, False, False, True])
            assert_same(
                ours.reset(options={"reset_mask": mask})[0],
                theirs.reset(options={"reset_mask": mask})[0],
            )
    assert ended > 10
    ours.close()


def test_disabled_autoreset_demands_a_reset() -> None:
    env = WorkerVectorEnv(Walk, num_envs=2, workers=1, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    actions = np.zeros((2, 2))
    while not (env.step(actions)[2] | env.arrays["truncations"]).any():
        pass
    with pytest.raises(gym.error.ResetNeeded, match="have ended"):
        env.step(actions)
    env.reset(options={"reset_mask": env.ended.copy()})
    env.step(actions)
    env.close()


def test_environments_are_spread_over_the_workers(pool: WorkerVectorEnv) -> None:
    """Five environments on two workers: chunks of three and two, in order."""
    assert [list(worker.rows) for worker in pool.crew.workers] == [[0, 1, 2], [3, 4]]
    pids = pool.call("pid")
    assert [pid == os.getpid() for pid in pids] == [True, True, True, False, False]
    assert pids[3] == pids[4]
    apart = WorkerVectorEnv(Walk, num_envs=2, workers=2, in_caller=False)
    assert len({os.getpid(), *apart.call("pid")}) == 3
    apart.close()


def test_returned_arrays_are_left_alone(pool: WorkerVectorEnv) -> None:
    observations, _ = pool.reset(seed=0)
    copies = {key: rows.copy() for key, rows in observations.items()}
    pool.step(np.ones((5, 2)))
    assert_same(observations, copies)


def test_attributes_and_methods_reach_every_environment(pool: WorkerVectorEnv) -> None:
    pool.set_attr("mark", [10, 11, 12, 13, 14])
    assert pool.get_attr("mark") == (10, 11, 12, 13, 14)
    pool.set_attr("mark", "same")
    assert pool.call("get_wrapper_attr", "mark") == ("same",) * 5
    with pytest.raises(ValueError, match="num_envs=5"):
        pool.set_attr("mark", [1, 2])


def test_error_of_the_factory_is_the_callers() -> None:
    def factory() -> Walk:
        raise ValueError("walks need shoes")

    with pytest.raises(ValueError, match="walks need shoes"):
        WorkerVectorEnv(factory, num_envs=2, workers=2)


def test_spaces_that_cannot_be_shared_are_refused() -> None:
    class Choice(Walk):
        action_space = Discrete(3)  # type: ignore[assignment]

    with pytest.raises(ValueError, match=r"cannot share Discrete\(3\)"):
        WorkerVectorEnv(Choice, num_envs=1, workers=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_envs": 0}, "num_envs=0 must be"),
        ({"num_envs": 2, "workers": 0}, "workers=0 must be"),
        ({"num_envs": 2, "workers": 1.5}, "workers=1.5 must be"),
    ],
)
def test_bad_sizes_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WorkerVectorEnv(Walk, **settings)


def test_bad_actions_reach_no_environment(pool: WorkerVectorEnv) -> None:
    before, _ = pool.reset(seed=0)
    with pytest.raises(ValueError, match="allowed are finite numbers"):
        pool.step(np.full((5, 2), np.nan))
    with pytest.raises(ValueError, match="actions of shape"):
        pool.step(np.zeros((4, 2)))
    after = pool.step(np.zeros((5, 2)))[0]
    np.testing.assert_array_equal(after["observation"], before["observation"])


def test_nothing_is_left_behind() -> None:
    """Processes end and memory goes when the pool is closed; closing twice is harmless."""
    env = WorkerVectorEnv(Walk, num_envs=2, workers=2, in_caller=False)
    processes = processes_of(env)
    env.close()
    env.close()
    assert [process.poll() for process in processes] == [0, 0]
    assert env.crew.memory_descriptor == -1
    forgotten = WorkerVectorEnv(Walk, num_envs=2, workers=2)
    (process,) = processes_of(forgotten)
    del forgotten
    assert process.poll() == 0


def test_an_environment_defined_in_a_cell_is_stepped_in_workers() -> None:
    class Local(gym.Env[Any, Any]):
        observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
        action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            return np.zeros(1, np.float32), {}

        def step(self, action: Any) -> Any:
            return np.zeros(1, np.float32), 1.0, False, False, {}

    local: Any = Local
    gym.register("Local-v0", local, max_episode_steps=3)
    try:
        env = make_vector_env("Local-v0", 4, workers=2)
        env.reset(seed=0)
        assert env.step(env.action_space.sample())[1].tolist() == [1.0] * 4
        env.close()
    finally:
        gym.registry.pop("Local-v0")


def test_a_vector_of_rewards_comes_through() -> None:
    pool = WorkerVectorEnv(TwoRewards, num_envs=5, workers=2)
    pool.reset(seed=0)
    actions = np.arange(10, dtype=np.float32).reshape(5, 2) / 10
    np.testing.assert_array_equal(pool.step(actions)[1], actions)
    assert describe(pool).reward_dim == 2
    pool.close()
