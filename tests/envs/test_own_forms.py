"""Own environments by their module, nested, in other processes, and in an own vector form."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import bnpo
from bnpo.envs import describe, make_env, make_vector_env
from bnpo.envs.lookup import is_registered_here_alone
from bnpo.envs.own_vector import OwnVectorEnv
from bnpo.envs.registrations import own_registrations, register_others
from bnpo.envs.workers.care import WorkerCare
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.errors import WorkerError
from tests.envs.points import SHORT, Point, agent_on, registered

KEYS = ("observation", "achieved_goal", "desired_goal")

MODULE = """
import gymnasium as gym
from tests.envs.points import Point
gym.register("{name}-v0", Point, max_episode_steps=10, disable_env_checker=True)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the working folder that registers an environment, by its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules), set(gym.registry)

    def write(name: str, content: str = MODULE) -> str:
        (tmp_path / f"{name}.py").write_text(content.format(name=name.title()))
        return f"{name}:{name.title()}-v0"

    yield write
    for name in set(sys.modules) - before[0]:
        if not name.startswith(("bnpo", "tests")) and (tmp_path / f"{name}.py").exists():
            del sys.modules[name]
    for env_id in set(gym.registry) - before[1]:
        del gym.registry[env_id]


@pytest.mark.usefixtures("one_core")
def test_an_environment_of_a_module_keeps_its_home(module: Any) -> None:
    env_id = module("pucks")
    agent = agent_on(env_id)
    assert agent.spec.env_id == "pucks:Pucks-v0"
    assert agent.spec.goal_dim == 2
    assert len(bnpo.train(agent, 40, **SHORT)) == 1
    assert describe(make_env(env_id)).env_id == "Pucks-v0"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("raise RuntimeError('no licence')", "module broken cannot be imported: .*no licence"),
        ("import not_there", "broken cannot be imported: ModuleNotFoundError: .*not_there"),
        ("", "unknown environment env_id='Broken-v0'.* after importing broken"),
        ("raise SystemExit", "module broken cannot be imported"),
    ],
)
def test_a_module_that_is_no_home_is_told(module: Any, content: str, line: str) -> None:
    env_id = module("broken", content)
    with pytest.raises(ValueError, match=line):
        make_env(env_id)


def test_a_module_that_is_missing_is_told() -> None:
    with pytest.raises(ValueError, match="there is no module nowhere_at_all"):
        make_env("nowhere_at_all:Point-v0")
    with pytest.raises(ValueError, match="of a module: 'module:Id-v0'"):
        make_env("NowhereAtAll-v0")


class Outer(gym.Wrapper[Any, Any, Any, Any]):
    """Makes what it wraps by its id."""

    def __init__(self) -> None:
        super().__init__(gym.make("Own-v0"))


def test_a_nested_environment_is_made_in_worker_processes() -> None:
    """The worker does not run this module's registrations."""
    with registered(Point) as _:
        pool = WorkerVectorEnv(Outer, num_envs=2, workers=2)
        assert pool.reset(seed=0)[0]["desired_goal"].shape == (2, 2)
        pool.close()


def test_registrations_travel() -> None:
    class Local(Point):
        pass

    with registered(Local):
        sent = own_registrations()
    assert "Own-v0" not in gym.registry
    register_others(sent)
    try:
        assert type(gym.make("Own-v0").unwrapped).__name__ == "Local"
        registration = gym.registry["Own-v0"]
        register_others(sent)
        assert gym.registry["Own-v0"] is registration  # what is there stays
    finally:
        del gym.registry["Own-v0"]


STUDY = """
import gymnasium as gym
import bnpo
from tests.envs.points import Point

class Mine(Point):
    pass

gym.register("Mine-v0", Mine, max_episode_steps=10, disable_env_checker=True)
study = bnpo.Study(
    presets=["ddpg_her"],
    tasks={"mine": {"task": "goal_reacher", "env": "Mine-v0"}},
    seeds=1,
    overrides={"total_steps": 80, "eval_interval": 80, "eval_episodes": 2, "num_envs": 2},
)
print(len(study.run(progress_bar=False).rows()))
"""


def test_a_study_of_a_script_finds_what_the_script_registered(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="the extra study is not installed")
    script = tmp_path / "script.py"
    script.write_text(STUDY)
    run = subprocess.run(
        [sys.executable, script],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.stdout.strip().endswith("1"), run.stderr


class Points(gym.vector.VectorEnv[Any, Any, Any]):
    """Points that are stepped together; reuses its arrays and tells flags as integers."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012
    finals: Any = "rows"

    def __init__(self, num_envs: int = 1, max_episode_steps: int = 5) -> None:
        single = Point()
        self.num_envs, self.longest = num_envs, max_episode_steps
        self.single_observation_space = single.observation_space
        self.single_action_space = single.action_space
        self.observation_space = gym.vector.utils.batch_space(single.observation_space, num_envs)
        self.action_space = gym.vector.utils.batch_space(single.action_space, num_envs)
        self.shown = {key: np.zeros((num_envs, 2), np.float32) for key in KEYS}
        self.single = single

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.begin()
        return self.shown, {}

    def begin(self) -> None:
        self.shown["desired_goal"][:] = self.np_random.uniform(-1, 1, (self.num_envs, 2))
        self.shown["observation"][:] = self.shown["achieved_goal"][:] = 0.0
        self.taken = 0

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        self.taken += 1
        for key in ("observation", "achieved_goal"):
            self.shown[key] += 0.2 * actions
        reward = self.single.compute_reward(
            self.shown["achieved_goal"], self.shown["desired_goal"], {}
        )
        infos: dict[str, Any] = {"is_success": reward == 0.0, "bnpo/restarted": np.ones(1)}
        ended = self.taken == self.longest
        if ended:
            if self.finals == "rows":
                infos["final_obs"] = np.array(
                    [{k: v[i].copy() for k, v in self.shown.items()} for i in range(self.num_envs)]
                )
            elif self.finals == "columns":
                infos["final_obs"] = {key: part.copy() for key, part in self.shown.items()}
            self.begin()
        flags = np.full((self.num_envs, 1), int(ended))
        return self.shown, reward[:, None], 0 * flags[:, 0], flags, infos


@pytest.mark.parametrize("finals", ["rows", "columns"])
def test_an_own_vector_form_is_used(finals: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five steps of 0.2 lead to (1, 1), which the replay has as the end of each episode."""
    monkeypatch.setattr(Points, "finals", finals)
    with registered(Point, 5, vector_entry_point=Points) as env_id:
        env = make_vector_env(env_id, 3)
        assert isinstance(env, OwnVectorEnv)
        assert isinstance(env.unwrapped, Points)
        first = env.reset(seed=0)[0]
        goals = first["desired_goal"].copy()
        for _ in range(5):
            _, rewards, terminated, truncated, infos = env.step(np.ones((3, 2), np.float32))
        assert rewards.shape == (3,)
        assert truncated.tolist() == [True] * 3
        assert terminated.dtype == bool
        assert not terminated.any()
        assert "bnpo/restarted" not in infos
        np.testing.assert_array_equal(first["desired_goal"], goals)
        np.testing.assert_allclose(infos["final_obs"][1]["achieved_goal"], [1.0, 1.0])
        assert len(bnpo.train(agent_on(env_id), 60, **SHORT)) == 1


def test_a_vector_form_that_forgets_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Points, "finals", None)
    with registered(Point, 5, vector_entry_point=Points) as env_id:
        env = make_vector_env(env_id, 3)
        env.reset(seed=0)
        for _ in range(4):
            env.step(np.ones((3, 2), np.float32))
        with pytest.raises(WorkerError, match=r"without infos\['final_obs'\]"):
            env.step(np.ones((3, 2), np.float32))


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (lambda: sys.exit(0), "step of its vector form failed: SystemExit: 0"),
        (lambda: time.sleep(60), "TimeoutError: no step .* within worker_timeout = 0.2 s"),
        (lambda: os.chdir("/"), None),
    ],
)
def test_a_vector_form_that_misbehaves_is_told(trouble: Any, words: str | None) -> None:
    before = Path.cwd()

    class Troubled(Points):
        def step(self, actions: Any) -> Any:
            trouble()
            return super().step(actions)

        def close(self, **_: Any) -> None:
            raise RuntimeError("too late")

    with registered(Point, 5, vector_entry_point=Troubled) as env_id:
        env = make_vector_env(env_id, 3, care=WorkerCare(timeout=0.2))
        env.reset(seed=0)
        told = (
            contextlib.nullcontext() if words is None else pytest.raises(WorkerError, match=words)
        )
        with told:
            env.step(np.ones((3, 2), np.float32))
        env.close()
    assert Path.cwd() == before


@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"metadata": {"autoreset_mode": AutoresetMode.NEXT_STEP}}, "SAME_STEP"),
        ({"metadata": {}}, "autoreset_mode"),
        ({"__init__": lambda self: None}, "cannot be made"),
    ],
)
def test_a_vector_form_that_is_no_use_is_told(
    change: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    odd = type("Odd", (Points,), change)
    with registered(Point, 5, vector_entry_point=odd) as env_id:
        env = make_vector_env(env_id, 2)
        assert isinstance(env, WorkerVectorEnv)
        env.close()
    (line,) = caplog.messages
    assert why in line
    assert "its single form is stepped in its place" in line


def test_what_this_process_alone_has_registered_is_told_apart(module: Any) -> None:
    with registered(Point) as own:
        assert is_registered_here_alone(own)
    for env_id in (module("pucks"), "bnpo/GoalReacher-v0", "Pendulum-v1", "FetchReach-v4"):
        assert not is_registered_here_alone(env_id)
