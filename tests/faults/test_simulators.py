"""Simulators that abort, hang, exit, print or draw nothing: told, in time, nothing left over."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bnpo.agent import Agent
from bnpo.compose.composition import compose
from bnpo.envs import make_env, make_vector_env
from bnpo.envs.workers.care import WorkerCare
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.errors import RecordingError, WorkerError
from bnpo.presets import build_agent
from bnpo.runs import load_summary
from bnpo.show.recording import play, record
from tests.envs.walks import Walk
from tests.experiment.conftest import Command
from tests.faults import pucks

ACTIONS = np.zeros((1, 2), np.float32)


@pytest.fixture(autouse=True)
def _registered() -> None:
    pucks.register()


def test_an_environment_of_others_never_lives_in_the_process_that_trains() -> None:
    own = make_vector_env(pucks.PUCK, 2, workers=2)
    assert os.getpid() not in own.call("pid")
    own.close()
    # Gymnasium's own are known to be harmless, and a process less is worth a sixth of the speed.
    known = make_vector_env("Pendulum-v1", 1, workers=1)
    assert known.call("np_random_seed")  # it answers
    assert isinstance(known, WorkerVectorEnv)
    known.close()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("abort", r"died with exit code -6 \(SIGABRT\) at File .*pucks.py"),
        ("exit at once", "died with exit code 0$"),
        ("fork and abort", r"died with exit code -6 \(SIGABRT\)"),
        ("exit", "failed: SystemExit: 0$"),
        ("interrupt", "failed: KeyboardInterrupt$"),
        ("two lines", "ZeroDivisionError: the joint left its range see the manual of the arm$"),
        ("no message", "failed: ValueError$"),
        ("unprintable", "_Unprintable: <exception str.. failed>$"),
    ],
)
def test_the_reason_is_one_line_that_names_what_was_raised(fault: str, words: str) -> None:
    env = make_vector_env(pucks.PUCK, 1, workers=1, fault=fault, at=1)
    env.reset(seed=0)
    with pytest.raises(WorkerError) as caught:
        env.step(ACTIONS)
    with pytest.raises(WorkerError, match="closed"):
        env.step(ACTIONS)
    assert "\n" not in caught.value.headline
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(caught.value.headline)


def test_a_long_message_is_cut() -> None:
    env = make_vector_env(pucks.PUCK, 1, workers=1, fault="long", at=1)
    env.reset(seed=0)
    with pytest.raises(WorkerError) as caught:
        env.step(ACTIONS)
    assert len(caught.value.headline) < 400
    assert len(caught.value.report) > 100_000


def test_a_hang_in_compiled_code_ends_in_time_with_what_the_simulator_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    monkeypatch.setenv("CHILD", str(child))
    care = WorkerCare(timeout=1.0)
    env = make_vector_env(pucks.PUCK, 1, workers=1, care=care, fault="child and hang", at=1)
    env.reset(seed=0)
    began = time.perf_counter()
    with pytest.raises(WorkerError) as caught:
        env.step(ACTIONS)
    assert 1.0 <= time.perf_counter() - began < 6.0
    assert caught.value.headline.startswith(
        "the worker of environments 0 to 0 hangs: no step or reset of it ended within "
        "worker_timeout = 1 s at File "
    )
    assert is_gone(int(child.read_text()))


_TRAINER = """
import sys, time
import numpy as np
from bnpo.envs import make_vector_env
from tests.faults import pucks
pucks.register()
env = make_vector_env(pucks.PUCK, 1, workers=1, fault="compiled hang", at=1)
env.reset(seed=0)
print(env.call("pid")[0], flush=True)
env.step(np.zeros((1, 2), np.float32))
"""


def test_a_worker_that_hangs_does_not_outlive_a_killed_run() -> None:
    trainer = subprocess.Popen([sys.executable, "-c", _TRAINER], stdout=subprocess.PIPE, text=True)
    assert trainer.stdout is not None
    worker = int(trainer.stdout.readline())
    time.sleep(0.5)
    trainer.kill()
    trainer.wait()
    trainer.stdout.close()
    assert is_gone(worker)


def is_gone(pid: int) -> bool:
    """Whether a process ends within seconds."""
    until = time.monotonic() + 10.0
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    return False


def test_workers_outlive_the_thread_that_made_them() -> None:
    pools: list[Any] = []
    thread = threading.Thread(
        target=lambda: pools.append(make_vector_env(pucks.PUCK, 1, workers=1))
    )
    thread.start()
    thread.join()
    (env,) = pools
    env.reset(seed=0)
    env.step(ACTIONS)
    env.close()


@pytest.mark.parametrize("fault", ["chdir", "print", "raise in close", "made: chdir"])
def test_harmless_trouble_changes_nothing(fault: str) -> None:
    before = Path.cwd()
    env = make_vector_env(pucks.PUCK, 1, workers=1, fault=fault, at=1)
    env.reset(seed=0)
    env.step(ACTIONS)
    env.close()
    assert Path.cwd() == before


@pytest.mark.parametrize(
    ("fault", "words"), [("two lines", "ZeroDivisionError: the joint"), ("exit", "SystemExit: 0")]
)
def test_what_an_environment_raises_while_it_is_made_is_told(fault: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        make_env(pucks.PUCK, fault=f"made: {fault}")
    assert "\n" not in str(caught.value)


def test_an_environment_that_cannot_be_sent_to_a_worker_is_refused() -> None:
    guard = threading.Lock()
    with pytest.raises(ValueError, match=r"cannot be sent to a worker process: TypeError.*lock"):
        WorkerVectorEnv(lambda: (guard, Walk())[1], num_envs=1, workers=1, in_caller=False)


def test_shared_memory_without_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ValueError, match=r"share [0-9,]+ bytes .*no room: No space left on device"):
        make_vector_env(pucks.PUCK, 1, workers=1)


@pytest.mark.parametrize(
    ("fault", "words"), [("abort", r"exit code -6 (SIGABRT)"), ("exit", "SystemExit: 0")]
)
def test_a_run_tells_why_it_ended_and_its_record_does(
    fault: str, words: str, command: Command
) -> None:
    status, _, errors = command(" ".join([*pucks.RUN, f"env_kwargs.fault='{fault}'"]))
    assert status == 1
    (line,) = [line for line in errors.splitlines() if line.startswith("bnpo: error: ")]
    assert words in line
    assert "the run ended at " in line
    assert json.loads(Path("runs/1/run.json").read_text())["status"] == "FAILED"
    assert load_summary("runs/1").status == "failed"


def test_what_simulators_print_is_not_taken_for_what_a_trial_tells(tmp_path: Path) -> None:
    config = compose(["ddpg_her"], {"env": pucks.PUCK, "env_kwargs": {"fault": "print"}})
    config |= {"total_steps": 20, "eval_interval": 10, "eval_episodes": 1, "num_envs": 1}
    (tmp_path / "trial.json").write_text(json.dumps(config))
    program = (
        "import sys; from tests.faults import pucks; pucks.register(); "
        "from bnpo.study.trial import main; sys.exit(main(sys.argv[1:]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "trial.json"), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as trial:
        assert trial.stdout is not None
        assert trial.stderr is not None
        lines = [json.loads(line) for line in trial.stdout]
        said = trial.stderr.read()
    assert [one["env_steps"] for one in lines] == [10, 20]
    assert "the simulator says hello" in said
    assert "so does its library" in said


@pytest.fixture
def agent_of() -> Callable[[str], Agent]:
    """Make an untrained agent of a puck with a fault."""

    def make(fault: str) -> Agent:
        config = {"env": pucks.PUCK, "env_kwargs": {"fault": fault, "at": -1}}
        return build_agent(compose(["ddpg_her"], config))

    return make


@pytest.mark.parametrize("fault", ["growing", "opaque", "fps of text", "no fps"])
def test_odd_pictures_are_drawn(
    fault: str, agent_of: Callable[[str], Agent], tmp_path: Path
) -> None:
    video, sheet = record(agent_of(fault), tmp_path, 1)
    with Image.open(video) as pictures, Image.open(sheet) as stills:
        assert pictures.n_frames > 1  # type: ignore[attr-defined]
        assert stills.width > 32


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("", r"render\(\) returned nothing: allowed are whole numbers of shape"),
        ("fractions", "float64 of shape"),
        ("flat", r"uint8 of shape \(24, 32\)"),
        ("list", "of shape"),
        ("text", "of shape"),
        ("raise in render", "ZeroDivisionError"),
        ("abort in render", "SIGABRT"),
        ("fps of zero", "greater than zero"),
    ],
)
def test_what_is_no_picture_is_told(
    fault: str, words: str, agent_of: Callable[[str], Agent]
) -> None:
    with pytest.raises(RecordingError, match=words) as caught:
        [*play(agent_of(fault), 1)]
    assert "\n" not in str(caught.value)


def test_a_film_without_room_is_told(
    agent_of: Callable[[str], Agent], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(RecordingError, match="cannot be written: No space left on device"):
        record(agent_of("good"), tmp_path, 1)
    assert not [*tmp_path.iterdir()]
