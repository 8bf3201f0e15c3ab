"""Environments in worker processes: exact resume, and workers that die, hang or raise."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from bnpo.envs import make_vector_env
from bnpo.envs.workers.care import WorkerCare
from bnpo.envs.workers.saved_state import get_env_state
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.errors import WorkerError
from bnpo.runs import checkpoint_path, load_summary
from tests.envs.points import registered
from tests.experiment.conftest import TINY, Command
from tests.experiment.test_bad_input import assert_one_line
from tests.faults.runs import assert_same_run, finish, said

FETCH = [
    *("with", "bpo", "fetch_reach", *(word for word in TINY if "env_kwargs" not in word)),
    *("train_episode_steps=10", "eval_episodes=1", "eval_interval=400", "checkpoint_interval=150"),
]


_FULL = pytest.mark.faults


@pytest.mark.parametrize(
    "env_id",
    [
        "FetchReach-v4",
        pytest.param("FetchPush-v4", marks=_FULL),
        pytest.param("PointMaze_UMaze-v3", marks=_FULL),
    ],
)
def test_a_pool_goes_on_from_its_state_bit_for_bit(env_id: str) -> None:
    first, second = (make_vector_env(env_id, 3, max_episode_steps=8) for _ in range(2))
    draw = np.random.default_rng(0)
    actions = draw.uniform(-1, 1, (30, *(first.action_space.shape or ()))).astype(np.float32)
    first.reset(seed=3)
    second.reset(seed=99)
    for action in actions[:5]:
        first.step(action)
    second.step(actions[7])
    second.set_state(first.get_state())
    for action in actions[5:]:
        one, other = first.step(action), second.step(action)
        for key in one[0]:
            np.testing.assert_array_equal(one[0][key], other[0][key])
        for column in (1, 2, 3):
            np.testing.assert_array_equal(one[column], other[column])
    first.close()
    second.close()


@_FULL
def test_an_extended_fetch_run_ends_as_a_straight_one(tmp_path: Path) -> None:
    straight, extended = tmp_path / "straight", tmp_path / "extended"
    assert finish(FETCH, straight) == 0, said(straight)
    assert finish([*FETCH, "total_steps=236"], extended) == 0, said(extended)
    assert finish(["resume", "with", "run=runs/1", "total_steps=400"], extended) == 0
    assert_same_run(extended / "runs" / "1", straight / "runs" / "1")


class Counting(gym.Wrapper[Any, Any, Any, Any]):
    """Holds an iterator of compiled code, whose place no state can tell."""

    def __init__(self) -> None:
        super().__init__(gym.make("Pendulum-v1"))
        self.record = itertools.count()


def test_an_environment_that_holds_an_iterator_cannot_tell_its_state() -> None:
    with pytest.raises(ValueError, match=r"env\.record is a itertools\.count"):
        get_env_state(Counting())
    pool = WorkerVectorEnv(Counting, num_envs=2, workers=2)
    pool.reset(seed=0)
    with pytest.raises(ValueError, match=r"env\.record"):
        pool.get_state()
    pool.step(np.zeros((2, 1), np.float32))
    pool.close()


def test_a_run_that_cannot_be_resumed_says_so_at_once_and_when_asked(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    with registered(Counting, 10) as env_id:
        _say_so_at_once_and_when_asked(command, env_id, caplog)


def _say_so_at_once_and_when_asked(
    command: Command, env_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    line = f"with ppo env={env_id} num_envs=1 total_steps=30 eval_interval=30 eval_episodes=1"
    assert command(f"{line} train_episode_steps=10 agent.max_steps=10")[0] == 0
    assert "env.env.env.record" in caplog.text.splitlines()[0]  # before the first step
    (lines,) = [text for text in caplog.messages if "cannot tell its state" in text]
    assert lines.endswith("its checkpoints hold the policy alone")
    record = Path("runs/1/run.json").read_bytes(), Path("runs/1/config.json").read_bytes()
    said = command("resume with run=runs/1 total_steps=60")
    assert record == (Path("runs/1/run.json").read_bytes(), Path("runs/1/config.json").read_bytes())
    assert_one_line(said, "policy alone", "Own-v0 cannot tell its state", "evaluate")
    assert command("evaluate with run=runs/1 episodes=1")[0] == 0


class Faulty(gym.Wrapper[Any, Any, Any, Any]):
    """Dies, hangs or raises at its third step."""

    def __init__(self, fault: str) -> None:
        super().__init__(gym.make("Pendulum-v1"))
        self.fault = fault
        self.taken = 0

    def step(self, action: Any) -> Any:
        self.taken += 1
        if self.taken == 3:
            if self.fault == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fault == "hangs":
                time.sleep(600)
            raise ZeroDivisionError("the simulation went wrong")
        return super().step(action)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param("dies", "died with exit code -9", marks=_FULL),
        pytest.param("hangs", r"within worker_timeout = 2 s at File .*test_workers", marks=_FULL),
        ("raises", "the simulation went wrong"),
    ],
)
def test_a_worker_at_fault_is_told_within_seconds(fault: str, words: str) -> None:
    pool = WorkerVectorEnv(
        lambda: Faulty(fault),
        num_envs=2,
        workers=2,
        care=WorkerCare(timeout=2.0),
        in_caller=False,
    )
    pool.reset(seed=0)
    pool.step(np.zeros((2, 1), np.float32))
    pool.step(np.zeros((2, 1), np.float32))
    began = time.perf_counter()
    with pytest.raises(WorkerError, match=words):
        pool.step(np.zeros((2, 1), np.float32))
    assert time.perf_counter() - began < 20


@_FULL
@pytest.mark.parametrize(
    ("fault", "words"),
    [("dies", "exit code -9"), ("hangs", "hangs"), ("raises", "simulation went wrong")],
)
def test_a_worker_at_fault_is_restarted_so_often_and_no_more(fault: str, words: str) -> None:
    care = WorkerCare(timeout=2.0, on_failure="restart", restarts=2)
    pool = WorkerVectorEnv(lambda: Faulty(fault), num_envs=1, workers=1, care=care)
    pool.reset(seed=0)
    restarted = ["bnpo/restarted" in pool.step(np.zeros((1, 1), np.float32))[4] for _ in range(8)]
    assert restarted == [False, False, True, False, False, True, False, False]
    assert all(words in causes for causes in pool.restarts.news())
    with pytest.raises(WorkerError, match=f"{words}.*restarted 2 times"):
        pool.step(np.zeros((1, 1), np.float32))


@_FULL
def test_a_run_whose_worker_dies_keeps_its_checkpoint(tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert finish(FETCH, straight) == 0, said(straight)
    assert finish(FETCH, broken, before=_kill_a_worker) == 1
    run = broken / "runs" / "1"
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "FAILED"
    assert "died with exit code -9" in "".join(record["fail_trace"])
    assert finish(["resume", "with", "run=runs/1"], broken) == 0, said(broken)
    assert_same_run(run, straight / "runs" / "1")


def test_a_failed_worker_ends_a_run_in_one_line(tmp_path: Path) -> None:
    assert finish([*FETCH, "total_steps=40"], tmp_path, before=_raise_in_step) == 1
    run = tmp_path / "runs" / "1"
    lines = [line for line in said(tmp_path).splitlines() if line.startswith("bnpo: ")]
    assert lines == [
        "bnpo: error: the worker of environments 0 to 3 failed: ZeroDivisionError: no such joint; "
        "the run ended at 20 steps without a checkpoint"
    ]
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "FAILED"
    assert "test_workers.py" in "".join(record["fail_trace"])
    assert "Traceback" not in said(tmp_path)
    assert load_summary(run).status == "failed"
    assert checkpoint_path(run, "best").is_file()


def _raise_in_step() -> None:
    """Let the environments, which are stepped in this process alone, raise at the sixth step."""
    from bnpo.envs import making
    from bnpo.envs.workers.worker import Chunk

    real, left = Chunk.step_one, [20]

    def step(self: Chunk, *given: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise ZeroDivisionError("no such joint")
        real(self, *given)

    Chunk.step_one = step  # type: ignore[assignment,method-assign]
    vars(making)["available_cores"] = lambda: 1


@_FULL
def test_a_run_goes_on_with_a_restarted_worker(tmp_path: Path) -> None:
    line = [*FETCH, "on_worker_failure=restart"]
    assert finish(line, tmp_path, before=_kill_a_worker) == 0, said(tmp_path)
    run = tmp_path / "runs" / "1"
    assert "died with exit code -9 (SIGKILL); restarted (1 of 10)" in said(tmp_path)
    assert load_summary(run).worker_restarts == 1
    (restart,) = json.loads((run / "info.json").read_text())["worker_restarts"]
    assert restart["env_steps"] == 300
    assert "died with exit code -9" in restart["cause"]


def _kill_a_worker() -> None:
    """Let a worker of the training environments be killed after 300 steps."""
    from bnpo.envs.workers.handles import WorkerProcess
    from bnpo.training import Trainer

    real = Trainer.step

    def step(self: Trainer) -> None:
        if self.agent.env_steps == 300:
            workers = self.env.crew.workers
            next(one for one in workers if isinstance(one, WorkerProcess)).process.kill()
        real(self)

    Trainer.step = step  # type: ignore[method-assign]
