"""Workers of a process pool that die, hang or raise: what is reported, and what goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from bnpo.envs.workers.care import WorkerCare
from bnpo.envs.workers.handles import WorkerProcess
from bnpo.envs.workers.restarts import Restarts
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.errors import WorkerError
from tests.envs.walks import Walk


@pytest.fixture
def fragile_pool() -> Iterator[WorkerVectorEnv]:
    env = WorkerVectorEnv(Walk, num_envs=5, workers=2)
    yield env
    env.close()


@pytest.mark.parametrize(("broken", "worker"), [(1, "0 to 2"), (4, "3 to 4")])
def test_failure_of_an_environment_brings_its_traceback(
    fragile_pool: WorkerVectorEnv, broken: int, worker: str
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


def test_death_of_a_worker_is_reported_without_a_hang(fragile_pool: WorkerVectorEnv) -> None:
    fragile_pool.reset(seed=0)
    worker = fragile_pool.crew.workers[1]
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
    env = WorkerVectorEnv(Stuck, num_envs=1, workers=1, care=care, in_caller=in_caller)
    env.reset(seed=0)
    began = time.perf_counter()
    with pytest.raises(WorkerError, match="ended within worker_timeout = 0.5 s") as caught:
        env.step(np.zeros((1, 2)))
    assert time.perf_counter() - began < 5.0
    assert "test_pool_failures.py" in caught.value.report
    assert "in step" in caught.value.report
    assert "\n" not in caught.value.headline


def test_slow_environments_have_the_limit_each() -> None:
    class Slow(Walk):
        def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:
            time.sleep(0.4)
            return super().reset(**given)

    for in_caller in (False, True):
        care = WorkerCare(timeout=0.7)
        env = WorkerVectorEnv(Slow, num_envs=3, workers=1, care=care, in_caller=in_caller)
        env.reset(seed=0)
        env.close()


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
    env = WorkerVectorEnv(lambda: Fragile(fuse), num_envs=4, workers=2, care=care)
    fuse.touch()
    env.reset(seed=5)
    env.set_attr("mark", [1, 2, 3, 4])
    steps = [env.step(np.full((4, 2), 0.1, np.float32)) for _ in range(6)]
    assert env.get_attr("mark") == (1, 2, 3, 4)
    causes = env.restarts.news()
    env.close()
    return steps, causes


def test_a_worker_that_dies_is_restarted_with_fresh_episodes(tmp_path: Path) -> None:
    steps, causes = _restarted(tmp_path / "fuse")
    (headline,) = causes
    assert "died with exit code -9" in headline
    assert ["bnpo/restarted" in infos for *_, infos in steps] == [False] * 3 + [True] + [False] * 2
    _, rewards, terminations, truncations, infos = steps[3]
    lost = infos["bnpo/restarted"]
    assert lost.tolist() in ([True, True, False, False], [False, False, True, True])
    assert not rewards[lost].any()
    assert rewards[~lost].all()
    assert not (terminations | truncations)[lost].any()
    healthy = SyncVectorEnv([Walk] * 4, autoreset_mode=AutoresetMode.SAME_STEP)
    healthy.reset(seed=5)
    for number, (observation, *_) in enumerate(steps):
        there = healthy.step(np.full((4, 2), 0.1, np.float32))[0]["observation"]
        np.testing.assert_array_equal(observation["observation"][~lost], there[~lost])
        same = (observation["observation"][lost] == there[lost]).all()
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
    env = WorkerVectorEnv(Doomed, num_envs=1, workers=1, care=care)
    env.reset(seed=0)
    assert env.step(np.zeros((1, 2)))[4]["bnpo/restarted"].all()
    with pytest.raises(WorkerError, match=r"no licence.*restarted 1 times.*worker_restarts = 1"):
        env.step(np.zeros((1, 2)))
