"""Every line that the page of environments prints is one that the program prints."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import bnpo
from bnpo.envs import make_vector_env
from bnpo.envs.lookup import find_spec
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.presets import PRESETS
from bnpo.training.first_look import tell_cut_episodes
from tests.envs.points import SHORT, Point, agent_on, registered
from tests.envs.test_hindsight_asks import Mute
from tests.envs.test_hindsight_info import Untold
from tests.envs.test_own_forms import Points
from tests.envs.test_own_scales import scaled
from tests.envs.test_own_spaces import box, with_spaces

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "environments.md"
LINES = [
    " ".join(line.split())
    for line in re.findall(r"^\* `((?:[^`]|\n)+?)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    if " " in line
]


def pattern(line: str) -> str:
    """Return a line as an expression: any id, number and path; what ``...`` leaves out is free."""
    escaped = re.escape(line).replace(r"\.\.\.", ".*")
    escaped = re.sub(r"(Puck|Puk|Rover|Arm)\\-v0", r"\\S+", escaped)
    return re.sub(r"(\\-)?\d+(\\?\.\d+)?(e\\\+\d+)?", r"-?[0-9.e+]+", escaped)


def made(make: Any, steps: int = 80, **config: Any) -> None:
    with registered(make) as env_id:
        bnpo.train(agent_on(env_id, **config), steps, **SHORT)


def point(**methods: Any) -> Any:
    return type("Own", (Point,), methods)


def stepped(step: Callable[..., Any]) -> None:
    own = point(step=lambda self, action: step(*Point.step(self, action)))
    pool = WorkerVectorEnv(own, num_envs=4, workers=1)
    pool.reset(seed=0)
    try:
        pool.step(np.zeros((4, 2), np.float32))
    finally:
        pool.close()


def vector(trouble: Callable[[], object] | None = None, **changes: Any) -> None:
    class Own(Points):
        def step(self, actions: Any) -> Any:
            if trouble is not None:
                trouble()
            return super().step(actions)

    own = type("Own", (Own,), changes)
    with registered(Point, 5, vector_entry_point=own) as env_id:
        env = make_vector_env(env_id, 2)
        env.reset(seed=0)
        env.step(np.zeros((2, 2), np.float32))
        env.close()


def module(name: str, content: str | None) -> None:
    if content is not None:
        Path(f"{name}.py").write_text(content)
    find_spec(f"{name}:Id-v0")


def _raise(error: BaseException) -> Any:
    raise error


def told(info: dict[str, Any], price: Callable[[Any, Any], float]) -> Any:
    """Return a point whose steps tell something, and cost what they tell."""

    def step(self: Any, action: Any) -> Any:
        self.place = (self.place + 0.2 * action).astype(np.float32)
        reward = self.compute_reward(self.place, self.goal.astype(np.float32), info)
        return self.observe(), float(reward), False, False, info

    def compute_reward(self: Any, achieved: Any, desired: Any, given: Any) -> Any:
        return Point.compute_reward(self, achieved, desired, {}) - price(achieved, given)

    return point(step=step, compute_reward=compute_reward)


def cut() -> None:
    brains = {"ddpg": {**PRESETS["ddpg_her"]["brains"]["ddpg"]}}
    brains["ddpg"]["credit"] = {"name": "her", "strategy": "final"}
    with registered(Point) as env_id:
        tell_cut_episodes(agent_on(env_id, brains=brains), 200)


class Wide(Point):
    """Begins anywhere within a kilometre, far off, and moves by centimetres."""

    kind = np.float64

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = self.goal = 1e6 + self.np_random.uniform(0.0, 1e3, 2)
        return self.observe(), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        self.place = self.place + 0.03 * action
        reward = float(self.compute_reward(self.place, self.goal, {}))
        return self.observe(), reward, False, False, {}

    def observe(self) -> Any:
        return {**super().observe(), "observation": self.place - 1e6}

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        return -(np.linalg.norm(achieved_goal - desired_goal, axis=-1) > 0.02).astype(np.float64)


def taxed(self: Any, action: Any) -> Any:
    shown, reward, *rest = Point.step(self, action)
    return shown, reward - 0.5, *rest


def broken(self: Any) -> Any:
    shown = Point.observe(self)
    self.seen = getattr(self, "seen", 0) + 1
    if self.seen == 5:
        shown["observation"][0] = np.nan
    return shown


WAYS: dict[str, Callable[[], Any]] = {
    "unknown environment": lambda: bnpo.Agent.for_env("Pendulun-v1", "ppo"),
    "env_id='my_modul": lambda: module("my_modul", None),
    "module my_module": lambda: module("my_module", "raise RuntimeError('no licence')"),
    "Puck-v0: its vector form": lambda: vector(
        metadata={"autoreset_mode": AutoresetMode.NEXT_STEP}
    ),
    "Puck-v0 has the action space": lambda: made(with_spaces(action=gym.spaces.Discrete(4))),
    "Puck-v0 has unbounded": lambda: made(with_spaces(action=box([-np.inf] * 2, [np.inf] * 2))),
    "Puck-v0 has an action": lambda: made(with_spaces(action=box([-1, 0], [1, 0]))),
    "Puck-v0 has an achieved": lambda: made(
        with_spaces(observation={"desired_goal": box([0, 0, 0], [1, 1, 1])})
    ),
    "Rover-v0 has actions": lambda: made(
        with_spaces(action=box([1e9, 0], [1e9 + 1, 1], np.float64))
    ),
    "Rover-v0: observation[1]": lambda: made(scaled(1.0, 5.2e6)),
    "Rover-v0: goals lie": lambda: made(Wide),
    "environment 3": lambda: made(point(observe=broken)),
    "... failed: ValueError: reward has": lambda: stepped(lambda s, r, *x: (s, np.ones(2), *x)),
    "... failed: ValueError: step": lambda: stepped(lambda s, r, t, u, i: (s, r, t, i)),
    "... failed: ValueError: terminated": lambda: stepped(lambda s, r, t, *x: (s, r, None, *x)),
    "... failed: ValueError: the observation": lambda: stepped(
        lambda s, *x: ({"observation": s["observation"]}, *x)
    ),
    "... failed: ValueError: observation has": lambda: stepped(
        lambda s, *x: ({**s, "observation": np.zeros(1)}, *x)
    ),
    "Arm-v0: compute_reward needs info['price']": lambda: made(Untold),
    "Arm-v0: compute_reward needs info['surface']": lambda: made(
        told({"surface": "ice"}, lambda _, info: 1.0 * (info["surface"] == "ice"))
    ),
    "Arm-v0: 80 of the first": lambda: made(point(step=taxed)),
    "Arm-v0 ends": lambda: made(Mute, 160),
    "brain 'ddpg'": cut,
    "Arm-v0: compute_reward says": lambda: made(
        point(compute_reward=lambda self, a, d, i: np.where((a == d).all(-1), np.nan, -1.0)), 200
    ),
    "the worker of environments 0 to 3 failed": lambda: stepped(lambda *_: 1 / 0),
    "Puck-v0 cannot be made": lambda: made(point(__init__=lambda self: sys.exit(0))),
    "Puck-v0: reset": lambda: made(point(reset=lambda s, **_: _raise(RuntimeError("no licence")))),
    "Puck-v0: compute_reward": lambda: made(point(compute_reward=lambda *_: sys.exit(0))),
    "Puck-v0: step of its vector": lambda: vector(lambda: sys.exit(0)),
}
"""What makes the program print the line that begins so."""

ELSEWHERE = {
    "Puck-v0 has episodes that do not end": "tests/envs/test_evaluation_of_own.py",
    "Arm-v0: compute_reward uses info": "tests/envs/test_hindsight_info.py",
    "Arm-v0: compute_reward(achieved_goal": "tests/envs/test_hindsight_info.py",
    "the worker of environments 0 to 3 died": "tests/faults/test_simulators.py",
    "the worker of environments 0 to 3 hangs": "tests/faults/test_simulators.py",
    "Puck-v0 cannot tell its state": "tests/envs/test_own_state.py",
}
"""Lines whose tests assert them where the fixtures are."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("bnpo.envs.making.available_cores", lambda: 0)  # all in this process
    yield
    for name in ("my_module",):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("line", LINES)
def test_the_line_is_printed(line: str, caplog: pytest.LogCaptureFixture) -> None:
    if any(line.startswith(start) for start in ELSEWHERE):
        pytest.skip("asserted elsewhere")
    (way,) = [way for start, way in WAYS.items() if _begins(line, start)]
    with caplog.at_level(logging.WARNING, "bnpo"):
        try:
            way()
            messages = caplog.messages
        except (ValueError, RuntimeError) as error:
            messages = [*caplog.messages, str(error).partition("\n")[0]]
    assert any(re.search(pattern(line), message) for message in messages), messages


def _begins(line: str, start: str) -> bool:
    longer = [one for one in WAYS if one != start and one.startswith(start)]
    return line.startswith(start) and not any(line.startswith(one) for one in longer)


def test_every_way_has_its_line() -> None:
    """A line that leaves the page leaves its way, too."""
    for start in [*WAYS, *ELSEWHERE]:
        assert any(line.startswith(start) for line in LINES), start
