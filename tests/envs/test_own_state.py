"""Environments in Python go on from a saved state exactly, or say what they cannot tell."""

from __future__ import annotations

import collections
import enum
import itertools
import random
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
import torch

from bnpo.envs.workers.saved_state import get_env_state, set_env_state
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.training.environments import env_state
from bnpo.training.environments import set_env_state as set_pool_state
from tests.envs.points import Point


@dataclass
class Obstacle:
    """Something in the way."""

    place: Any
    size: float = 1.0


class Pair(NamedTuple):
    """Two numbers."""

    left: float
    right: Any


class Mode(enum.Enum):
    """How it moves."""

    SLOW = 1
    FAST = 2


class Slotted:
    """Keeps its numbers in slots."""

    __slots__ = ("count", "trace")

    def __init__(self) -> None:
        self.count, self.trace = 0, [0.0]


class Rich(Point):
    """Keeps its state in all that Python offers; each part decides what steps pay."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        observation, info = super().reset(seed=seed)
        draw = self.np_random.uniform
        self.points = [float(draw()) for _ in range(3)]
        self.recent = collections.deque([0.0] * 3, maxlen=3)
        self.table: dict[Any, Any] = {("a", 1): draw(), "nested": {"deep": [draw()]}}
        self.counts = collections.defaultdict(float, {"steps": 0.0})
        self.obstacles = [Obstacle(self.np_random.normal(size=2)) for _ in range(int(3 * draw()))]
        self.nearest = self.obstacles[-1] if self.obstacles else None  # the same object
        self.pair = Pair(draw(), [draw()])
        self.visited: set[int] = set()
        self.mode = Mode.SLOW
        self.slotted = Slotted()
        self.python = random.Random(int(1e6 * draw()))
        self.legacy = np.random.RandomState(int(1e6 * draw()))
        self.weights = torch.full((2,), float(draw()))
        self.phase = complex(draw(), draw())
        self.mixed = np.array([Obstacle(np.ones(2)), None], object)
        self.flags = np.array([True, False])
        self.half = np.float16(draw())
        self.words = np.array(["far", "near"])
        self.view = self.place[:1]
        self.ring: list[Any] = [self.points]
        self.ring.append(self.ring)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        observation, reward, *rest = super().step(action)
        self.recent.append(float(action[0]))
        self.points[0] += 1.0
        self.counts["steps"] += 1.0
        self.counts[f"place {self.place[0] > 0}"] += 0.5
        self.visited.add(int(10 * self.place[0]))
        self.slotted.count += 1
        self.slotted.trace.append(float(self.place[1]))
        self.weights += 0.1
        self.mode = Mode.FAST if self.slotted.count % 2 else Mode.SLOW
        if self.nearest is not None:
            self.nearest.size *= 0.9
        return observation, reward + self.sum(), *rest

    def sum(self) -> float:
        """What all of the parts make together."""
        parts = [
            sum(self.points),
            sum(self.recent),
            self.table["a", 1],
            self.table["nested"]["deep"][0],
            sum(self.counts.values()),
            sum(one.size + one.place.sum() for one in self.obstacles),
            self.pair.left + self.pair.right[0],
            float(len(self.visited)),
            float(self.mode.value),
            self.slotted.count + sum(self.slotted.trace),
            self.python.random() + self.python.gauss(0.0, 1.0),
            self.legacy.normal(),
            float(self.weights.sum()),
            abs(self.phase),
            float(self.half),
            float(self.ring[1] is self.ring) + float(self.ring[0] is self.points),
            float(
                self.action_space.sample().sum()
                + self.observation_space.sample()["observation"].sum() * 0
            ),
        ]
        return float(sum(parts))


def make_rich() -> Any:
    """Wrap it by two wrappers that keep statistics of their own."""
    env: Any = gym.wrappers.NormalizeReward(Rich(), gamma=0.9)
    return gym.wrappers.TimeLimit(env, 9)


def walk(env: Any, steps: int, seed: int) -> list[Any]:
    """Step with random actions; return what was shown and paid."""
    generator = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        observation, reward, *ends, _ = env.step(generator.uniform(-1, 1, 2).astype(np.float32))
        seen.append((*observation["observation"], *observation["desired_goal"], reward, *ends))
        if any(ends):
            env.reset()
    return seen


def test_everything_that_python_offers_is_saved() -> None:
    """Two environments in the same state go on alike for three episodes."""
    first, second = make_rich(), make_rich()
    for env, seed in ((first, 0), (second, 1)):
        env.reset(seed=seed)
        walk(env, 23 + seed, seed)
    set_env_state(second, get_env_state(first))
    assert walk(second, 30, 5) == walk(first, 30, 5)
    rich: Any = second.unwrapped
    assert rich.nearest is None or rich.nearest is rich.obstacles[-1]


def test_a_state_survives_a_checkpoint(tmp_path: Any) -> None:
    from bnpo.runs.checkpoint import load_checkpoint, save_checkpoint

    first = WorkerVectorEnv(make_rich, num_envs=2, workers=1)
    second = WorkerVectorEnv(make_rich, num_envs=2, workers=2)
    actions = np.random.default_rng(0).uniform(-1, 1, (40, 2, 2)).astype(np.float32)
    for pool, seed in ((first, 0), (second, 7)):
        pool.reset(seed=seed)
        for action in actions[:13]:
            pool.step(action)
    save_checkpoint(tmp_path / "state.json", {"env": env_state(first, "Rich")})
    set_pool_state(second, load_checkpoint(tmp_path / "state.json")["env"])
    for action in actions[13:]:
        one, other = first.step(action), second.step(action)
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[0]["observation"], other[0]["observation"])
        np.testing.assert_array_equal(one[3], other[3])
    first.close()
    second.close()


class Savable(Point):
    """Tells its state itself, in a form of its own, and hides it from everybody else."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        observation, info = super().reset(seed=seed)
        left = int(self.np_random.integers(2, 30))
        self.hidden = itertools.count(left)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        observation, _, *rest = super().step(action)
        return observation, float(next(self.hidden)) + self.np_random.random(), *rest

    def get_state(self) -> dict[str, Any]:
        now = next(self.hidden)
        self.hidden = itertools.count(now)
        return {"now": now, "place": self.place.copy(), "goal": (self.goal.copy(),)}

    def set_state(self, state: dict[str, Any]) -> None:
        assert isinstance(state["goal"], tuple)
        self.hidden = itertools.count(state["now"])
        self.place, self.goal = state["place"], state["goal"][0]


def test_an_environment_with_a_state_of_its_own_is_asked() -> None:
    """Its generator, which it does not tell, is saved as well; so are its wrappers."""
    first, second = (gym.wrappers.TimeLimit(Savable(), 9) for _ in range(2))
    for env, seed in ((first, 0), (second, 1)):
        env.reset(seed=seed)
        walk(env, 4 + seed, seed)
    set_env_state(second, get_env_state(first))
    assert walk(second, 30, 5) == walk(first, 30, 5)


@pytest.mark.parametrize(
    ("thing", "place"),
    [
        (itertools.count(), r"env\.env\.thing is a itertools\.count"),
        ([{"x": iter([1])}], r"env\.env\.thing\[0\]\['x'\] is a builtins\.list_iterator"),
        (Obstacle(n for n in range(3)), r"env\.env\.thing\.place is a builtins\.generator"),
    ],
)
def test_what_cannot_be_saved_is_named(thing: Any, place: str) -> None:
    env: Any = gym.wrappers.TimeLimit(Point(), 9)
    env.reset(seed=0)
    env.unwrapped.thing = thing
    with pytest.raises(ValueError, match=place):
        get_env_state(env)


HIDDEN = {"level": 0.0}


class Elsewhere(Point):
    """Has its state where no object holds it, as a simulator in compiled code has."""

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        HIDDEN["level"] += 1.0
        observation, _, *rest = super().step(action)
        return observation, HIDDEN["level"], *rest


def test_a_state_that_is_elsewhere_is_found_out() -> None:
    pool = WorkerVectorEnv(Elsewhere, num_envs=1, workers=1)
    pool.reset(seed=0)
    with pytest.raises(ValueError, match="not all that decides its steps: 1 steps later"):
        pool.get_state()
    pool.close()


def test_no_class_is_made_that_is_none_of_the_environment() -> None:
    env = Point()
    env.reset(seed=0)
    state = get_env_state(env)
    state["attributes"]["place"] = {"number": 99, "class": "subprocess:Popen", "attributes": {}}
    with pytest.raises(ValueError, match="subprocess:Popen, which is none of the environment's"):
        set_env_state(env, state)
    with pytest.raises(ValueError, match="is not one of"):
        set_env_state(make_rich(), state)
