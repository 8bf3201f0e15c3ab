"""The process pool against Gymnasium's SyncVectorEnv, and what happens when a worker fails."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from bnpo.envs import make_vector_env
from bnpo.envs.pool_handles import WorkerProcess
from bnpo.envs.pool_restarts import Restarts
from bnpo.envs.process_pool import ProcessPoolVectorEnv
from bnpo.envs.worker_care import WorkerCare, WorkerError


class Walk(gym.Env[Any, Any]):
    """A random walk from a seeded start; ends after a number of steps that is drawn at reset."""

    observation_space = Dict(
        {
            "observation": Box(-np.inf, np.inf, (2,), np.float64),
            "achieved_goal": Box(-np.inf, np.inf, (1,), np.float32),
            "desired_goal": Box(-np.inf, np.inf, (1,), np.float32),
        }
    )
    action_space = Box(-1.0, 1.0, (2,), np.float32)
    broken_at: float = np.inf

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = self.np_random.normal(size=2)
        self.left = int(self.np_random.integers(2, 6))
        return self._observe(), {"start": float(self.place[0]), "options": str(options)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.place[0] > self.broken_at:
            raise RuntimeError("the walker fell over")
        self.place = self.place + action
        self.left -= 1
        done = self.left == 0
        odd = bool(self.place[1] > 0)
        info = {"is_success": odd, "process": os.getpid() * 0, "where": self.place.copy()}
        return self._observe(), float(self.place.sum()), done and odd, done and not odd, info

    def pid(self) -> int:
        return os.getpid()

    def _observe(self) -> dict[str, Any]:
        goal = np.array([self.place[0]], np.float32)
        return {"observation": self.place.copy(), "achieved_goal": goal, "desired_goal": -goal}


class Plain(Walk):
    """The same walk without goals."""

    observation_space = Box(-np.inf, np.inf, (2,), np.float64)  # type: ignore[assignment]

    def _observe(self) -> Any:
        return self.place.copy()


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolVectorEnv]:
    """A pool for tests that leave it whole."""
    env = ProcessPoolVectorEnv(Walk, num_envs=5, workers=2)
    yield env
    env.close()


@pytest.fixture
def fragile_pool() -> Iterator[ProcessPoolVectorEnv]:
    env = ProcessPoolVectorEnv(Walk, num_envs=5, workers=2)
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


def processes_of(pool: ProcessPoolVectorEnv) -> list[subprocess.Popen[bytes]]:
    return [worker.process for worker in pool._workers if isinstance(worker, WorkerProcess)]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(Walk, AutoresetMode.SAME_STEP), (Plain, AutoresetMode.NEXT_STEP)],
)
def test_equals_gymnasiums_sync_vector_env(kind: type[Walk], mode: AutoresetMode) -> None:
    ours = ProcessPoolVectorEnv(kind, num_envs=5, workers=2, autoreset_mode=mode)
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
    env = ProcessPoolVectorEnv(Walk, num_envs=2, workers=1, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    actions = np.zeros((2, 2))
    while not (env.step(actions)[2] | env._arrays["truncations"]).any():
        pass
    with pytest.raises(gym.error.ResetNeeded, match="have ended"):
        env.step(actions)
    env.reset(options={"reset_mask": env._ended.copy()})
    env.step(actions)
    env.close()


def test_environments_are_spread_over_the_workers(pool: ProcessPoolVectorEnv) -> None:
    """Five environments on two workers: chunks of three and two, in order."""
    assert [list(worker.rows) for worker in pool._workers] == [[0, 1, 2], [3, 4]]
    pids = pool.call("pid")
    assert [pid == os.getpid() for pid in pids] == [True, True, True, False, False]
    assert pids[3] == pids[4]
    apart = ProcessPoolVectorEnv(Walk, num_envs=2, workers=2, in_caller=False)
    assert len({os.getpid(), *apart.call("pid")}) == 3
    apart.close()


def test_returned_arrays_are_left_alone(pool: ProcessPoolVectorEnv) -> None:
    observations, _ = pool.reset(seed=0)
    kept = {key: rows.copy() for key, rows in observations.items()}
    pool.step(np.ones((5, 2)))
    assert_same(observations, kept)


def test_attributes_and_methods_reach_every_environment(pool: ProcessPoolVectorEnv) -> None:
    pool.set_attr("mark", [10, 11, 12, 13, 14])
    assert pool.get_attr("mark") == (10, 11, 12, 13, 14)
    pool.set_attr("mark", "same")
    assert pool.call("get_wrapper_attr", "mark") == ("same",) * 5
    with pytest.raises(ValueError, match="num_envs=5"):
        pool.set_attr("mark", [1, 2])


@pytest.mark.parametrize(("broken", "worker"), [(1, "0 to 2"), (4, "3 to 4")])
def test_failure_of_an_environment_brings_its_traceback(
    fragile_pool: ProcessPoolVectorEnv, broken: int, worker: str
) -> None:
    fragile_pool.reset(seed=0)
    fragile_pool.set_attr("broken_at", [-np.inf if i == broken else np.inf for i in range(5)])
    with pytest.raises(WorkerError) as caught:
        fragile_pool.step(np.zeros((5, 2)))
    message = str(caught.value)
    assert f"worker of environments {worker} failed" in message
    assert "the walker fell over" in message
    assert "in step" in message
    with pytest.raises(WorkerError, match="closed"):
        fragile_pool.step(np.zeros((5, 2)))


def test_death_of_a_worker_is_reported_without_a_hang(fragile_pool: ProcessPoolVectorEnv) -> None:
    fragile_pool.reset(seed=0)
    worker = fragile_pool._workers[1]
    assert isinstance(worker, WorkerProcess)
    worker.process.send_signal(signal.SIGKILL)
    began = time.perf_counter()
    with pytest.raises(WorkerError, match="environments 3 to 4 died with exit code -9"):
        fragile_pool.step(np.zeros((5, 2)))
    assert time.perf_counter() - began < 5.0


class Stuck(Walk):
    """Hangs in its first step."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        time.sleep(3600)
        return super().step(action)


@pytest.mark.parametrize("in_caller", [False, True])
def test_worker_that_does_not_answer_tells_where_it_is(in_caller: bool) -> None:
    care = WorkerCare(timeout=0.5)
    env = ProcessPoolVectorEnv(Stuck, num_envs=1, workers=1, care=care, in_caller=in_caller)
    env.reset(seed=0)
    began = time.perf_counter()
    with pytest.raises(WorkerError, match="ended within worker_timeout = 0.5 s") as caught:
        env.step(np.zeros((1, 2)))
    assert time.perf_counter() - began < 5.0
    assert "test_process_pool.py" in caught.value.report
    assert "in step" in caught.value.report
    assert "\n" not in caught.value.headline


def test_slow_environments_have_the_limit_each() -> None:
    class Slow(Walk):
        def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:
            time.sleep(0.4)
            return super().reset(**given)

    for in_caller in (False, True):
        care = WorkerCare(timeout=0.7)
        env = ProcessPoolVectorEnv(Slow, num_envs=3, workers=1, care=care, in_caller=in_caller)
        env.reset(seed=0)
        env.close()


def test_error_of_the_factory_is_the_callers() -> None:
    def factory() -> Walk:
        raise ValueError("walks need shoes")

    with pytest.raises(ValueError, match="walks need shoes"):
        ProcessPoolVectorEnv(factory, num_envs=2, workers=2)


def test_spaces_that_cannot_be_shared_are_refused() -> None:
    class Choice(Walk):
        action_space = Discrete(3)  # type: ignore[assignment]

    with pytest.raises(ValueError, match=r"cannot share Discrete\(3\)"):
        ProcessPoolVectorEnv(Choice, num_envs=1, workers=1)


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
        ProcessPoolVectorEnv(Walk, **settings)


def test_bad_actions_reach_no_environment(pool: ProcessPoolVectorEnv) -> None:
    before, _ = pool.reset(seed=0)
    with pytest.raises(ValueError, match="allowed are finite numbers"):
        pool.step(np.full((5, 2), np.nan))
    with pytest.raises(ValueError, match="actions of shape"):
        pool.step(np.zeros((4, 2)))
    after = pool.step(np.zeros((5, 2)))[0]
    np.testing.assert_array_equal(after["observation"], before["observation"])


def test_nothing_is_left_behind() -> None:
    """Processes end and memory goes when the pool is closed; closing twice is harmless."""
    env = ProcessPoolVectorEnv(Walk, num_envs=2, workers=2, in_caller=False)
    processes = processes_of(env)
    env.close()
    env.close()
    assert [process.poll() for process in processes] == [0, 0]
    assert env._memory_descriptor == -1
    forgotten = ProcessPoolVectorEnv(Walk, num_envs=2, workers=2)
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

    made: Any = Local
    gym.register("Local-v0", made, max_episode_steps=3)
    try:
        env = make_vector_env("Local-v0", 4, workers=2)
        env.reset(seed=0)
        assert env.step(env.action_space.sample())[1].tolist() == [1.0] * 4
        env.close()
    finally:
        gym.registry.pop("Local-v0")


@pytest.mark.parametrize(
    "settings", [{"timeout": -1.0}, {"restarts": 0}, {"on_failure": "hope"}], ids=str
)
def test_bad_care_is_refused(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=f"{name}="):
        WorkerCare(**settings)


class Fragile(Walk):
    """Dies in its fourth step, if a file says so, and says so no more."""

    def __init__(self, fuse: Path) -> None:
        self.fuse = fuse
        self.taken = 0

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.taken += 1
        if self.taken == 4:
            with suppress(FileNotFoundError):  # another worker was first
                self.fuse.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().step(action)


def _restarted(fuse: Path) -> tuple[list[Any], list[Any]]:
    """Steps of a pool of which one worker is restarted, and what it told."""
    care = WorkerCare(on_failure="restart")
    env = ProcessPoolVectorEnv(lambda: Fragile(fuse), num_envs=4, workers=2, care=care)
    fuse.touch()
    env.reset(seed=5)
    env.set_attr("mark", [1, 2, 3, 4])
    steps = [env.step(np.full((4, 2), 0.1, np.float32)) for _ in range(6)]
    assert env.get_attr("mark") == (1, 2, 3, 4)
    told = env.restarts.news()
    env.close()
    return steps, told


def test_a_worker_that_dies_is_restarted_with_fresh_episodes(tmp_path: Path) -> None:
    steps, told = _restarted(tmp_path / "fuse")
    (headline,) = told
    assert "died with exit code -9" in headline
    assert ["restarted" in infos for *_, infos in steps] == [False] * 3 + [True] + [False] * 2
    _, rewards, terminations, truncations, infos = steps[3]
    lost = infos["restarted"]
    assert lost.tolist() in ([True, True, False, False], [False, False, True, True])
    assert not rewards[lost].any()
    assert rewards[~lost].all()
    assert not (terminations | truncations)[lost].any()
    healthy = SyncVectorEnv([Walk] * 4, autoreset_mode=AutoresetMode.SAME_STEP)
    healthy.reset(seed=5)
    for number, (shown, *_) in enumerate(steps):
        there = healthy.step(np.full((4, 2), 0.1, np.float32))[0]["observation"]
        np.testing.assert_array_equal(shown["observation"][~lost], there[~lost])
        same = (shown["observation"][lost] == there[lost]).all()
        assert same == (number < 3)
    healthy.close()


def test_fresh_episodes_follow_from_the_seed() -> None:
    first, second = (Restarts(WorkerCare(on_failure="restart"), 4) for _ in range(2))
    for one in (first, second):
        one.seed([5, 6, 7, 8])
        one.allow(WorkerError("it died"))
    assert first.fresh_seeds(range(4)) == second.fresh_seeds(range(4))
    assert len(set(first.fresh_seeds(range(4)))) == 4
    before = first.fresh_seeds(range(4))
    first.allow(WorkerError("it died"))
    assert not set(before) & set(first.fresh_seeds(range(4)))
    second.set_state(first.get_state())
    assert first.fresh_seeds(range(4)) == second.fresh_seeds(range(4))


def test_a_worker_that_always_dies_ends_the_pool() -> None:
    class Doomed(Walk):
        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
            raise OSError("no licence")

    care = WorkerCare(on_failure="restart", restarts=1)
    env = ProcessPoolVectorEnv(Doomed, num_envs=1, workers=1, care=care)
    env.reset(seed=0)
    assert env.step(np.zeros((1, 2)))[4]["restarted"].all()
    with pytest.raises(WorkerError, match=r"no licence.*restarted 1 times.*worker_restarts = 1"):
        env.step(np.zeros((1, 2)))
