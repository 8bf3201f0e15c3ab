"""What environments show and tell: copied, carried or left out, and never fatal."""

from __future__ import annotations

import collections
import random
import threading
import types
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import bnpo
from bnpo.envs.vector_info import RESTARTED, carried, collect, info_of, kept
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.errors import Diverged, WorkerError
from tests.envs.points import SHORT, Point, agent_on, registered


class Reused(Point):
    """Returns the same arrays and the same dict every time; its class shares them."""

    shown: ClassVar[dict[str, Any]] = {
        key: np.zeros(2, np.float32) for key in ("observation", "achieved_goal", "desired_goal")
    }
    told: ClassVar[dict[str, Any]] = {"place": np.zeros(2), "path": [0.0]}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.taken = 0
        return self.observe(), self.told

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        self.taken += 1
        self.place = self.place + 1.0 + 0.0 * action
        action[:] = 9.0  # its own to write to
        self.told["place"][:] = self.place
        self.told["path"][0] = float(self.place[0])
        return self.observe(), 0.0, False, self.taken == 3, self.told

    def observe(self) -> Any:
        for key in ("observation", "achieved_goal"):
            self.shown[key][:] = self.place
        self.shown["desired_goal"][:] = self.goal
        return self.shown


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_of_one_step_leaks_into_another(workers: int) -> None:
    """Episodes of 3 steps of 1: at their end every point is at (3, 3), not back at its start."""
    pool = WorkerVectorEnv(Reused, num_envs=4, workers=workers)
    first, _ = pool.reset(seed=0)
    for _ in range(2):
        pool.step(np.zeros((4, 2), np.float32))
    goals = first["desired_goal"].copy()
    shown, _, _, truncated, infos = pool.step(np.zeros((4, 2), np.float32))
    assert truncated.all()
    for row in range(4):
        final = infos["final_obs"][row]
        np.testing.assert_array_equal(final["observation"], [3.0, 3.0])
        np.testing.assert_array_equal(final["desired_goal"], goals[row])
        np.testing.assert_array_equal(infos["final_info"]["place"][row], [3.0, 3.0])
        assert infos["final_info"]["path"][row] == [3.0]
    np.testing.assert_array_equal(shown["observation"], 0.0)
    np.testing.assert_array_equal(first["observation"], 0.0)
    assert len({tuple(goal) for goal in goals}) == 4
    pool.close()


@pytest.mark.parametrize(
    "held",
    [
        collections.deque([1]),
        {1},
        bytearray(b"x"),
        types.SimpleNamespace(x=1),
        torch.zeros(2),
        [collections.deque([1])],
    ],
)
def test_what_info_holds_is_copied(held: Any) -> None:
    """Or an environment that goes on with it would change what it has told."""
    told = kept({"held": held})["held"]
    assert type(told) is type(held)
    assert told is not held
    assert repr(told) == repr(held)
    inner = held[0] if isinstance(held, list) else held
    assert (told[0] if isinstance(held, list) else told) is not inner


def test_what_cannot_be_copied_is_handed_on() -> None:
    guard = collections.deque([threading.Lock()])
    assert kept(guard) is guard


def told_by(*infos: dict[str, Any]) -> dict[str, Any]:
    return collect(len(infos), enumerate(map(carried, infos)))


def test_infos_are_collected_as_gymnasium_does_where_they_are_alike() -> None:
    made = told_by({"a": 1, "v": np.ones(2)}, {"v": np.zeros(2)}, {"a": 3, "d": {"x": 0.5}})
    assert made["a"].tolist() == [1, 0, 3]
    assert made["a"].dtype == np.int64
    assert made["_a"].tolist() == [True, False, True]
    assert made["v"].tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    assert made["d"]["x"].tolist() == [0.0, 0.0, 0.5]
    assert info_of(made, 2, 3) == {"a": 3, "d": {"x": 0.5}}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([np.arange(2), np.arange(3)], [[0, 1], [0, 1, 2]]),  # ragged
        (["far", "near"], ["far", "near"]),
        (["far", 1.5], ["far", 1.5]),
        ([1, 0.5], [1.0, 0.5]),
        ([True, 2], [1, 2]),
        ([None, 1.0], [None, 1.0]),
        ([2**70, 1], [2**70, 1]),
        ([{"x": 1}, 2], [{"x": 1}, 2]),
        ([np.array(["a"]), np.array(["bc"])], [["a"], ["bc"]]),
        ([np.float32(0.5), np.float64(2.0)], [0.5, 2.0]),
        ([[1], (2, 3)], [[1], (2, 3)]),
        ([np.array([object]), np.array([object])], [[object], [object]]),
    ],
)
def test_infos_that_are_not_alike_are_carried(told: list[Any], expected: list[Any]) -> None:
    column = told_by(*({"x": one} for one in told))["x"]
    assert [one.tolist() if isinstance(one, np.ndarray) else one for one in column] == expected


def test_keys_that_mean_something_else_in_a_batch_are_left_out() -> None:
    told = {"final_obs": 1, "final_info": {}, "_x": 1, 5: 1, RESTARTED: True, "restarted": True}
    assert carried(told) == {"restarted": True}
    assert carried(None) == {}


class Telling(Point):
    """Tells what is asked for."""

    told: Any = staticmethod(lambda: {})

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        *rest, _ = super().step(action)
        return *rest, self.told()


@pytest.mark.usefixtures("one_core")
@pytest.mark.parametrize(
    "told",
    [
        lambda: {"restarted": True},
        lambda: {"final_obs": np.zeros(7), "_final_obs": True},
        lambda: {"final_info": "done"},
        lambda: {"contacts": np.zeros(random.randrange(4))},
        lambda: {"simulator": threading.Lock()},
        lambda: {"is_success": "yes", "text": "x"},
        lambda: {"is_success": {"left": True}},
        lambda: {7: 1, ("a", "b"): 2},
        lambda: {"episode": {"r": 1.0, "l": np.zeros((2, 2))}},
        lambda: None,
    ],
)
def test_no_info_ends_a_run(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Telling, "told", staticmethod(told))
    with registered(Telling) as env_id:
        agent = agent_on(env_id)
        bnpo.train(agent, 80, **SHORT)
        assert agent.replay is not None
        assert agent.replay.transitions_stored == 80  # nothing was taken for a restart


def test_what_cannot_be_sent_to_another_process_is_left_out(monkeypatch: Any) -> None:
    class Holding(Point):
        def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
            *rest, _ = super().step(action)
            return *rest, {"lock": threading.Lock(), "inner": {"lock": threading.Lock(), "x": 1}}

    pool = WorkerVectorEnv(Holding, num_envs=2, workers=2, in_caller=False)
    pool.reset(seed=0)
    infos = pool.step(np.zeros((2, 2), np.float32))[-1]
    assert "lock" not in infos
    assert infos["inner"]["x"].tolist() == [1, 1]
    pool.close()


def pool_of(step: Any) -> WorkerVectorEnv:
    class Odd(Point):
        def step(self, action: Any) -> Any:
            return step(self, *super().step(action))

    pool = WorkerVectorEnv(Odd, num_envs=2, workers=1)
    pool.reset(seed=0)
    return pool


@pytest.mark.parametrize(
    "reward", [np.array([-0.5]), np.array([[-0.5]]), np.array(-0.5), np.float32(-0.5), -0.5, [-0.5]]
)
def test_a_reward_of_one_number_is_one(reward: Any) -> None:
    pool = pool_of(lambda _, shown, __, *rest: (shown, reward, *rest))
    assert pool.step(np.zeros((2, 2), np.float32))[1].tolist() == [-0.5, -0.5]


@pytest.mark.parametrize("flag", [np.True_, np.array(True), np.array([True]), 1, True])
def test_flags_may_be_arrays(flag: Any) -> None:
    pool = pool_of(lambda _, shown, reward, __, *rest: (shown, reward, flag, *rest))
    assert pool.step(np.zeros((2, 2), np.float32))[2].tolist() == [True, True]


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (lambda _, s, r, *rest: (s, np.zeros(2), *rest), r"reward has shape \(2,\): .* a number"),
        (lambda _, s, r, *rest: (s, None, *rest), r"reward = None: allowed is a number"),
        (lambda _, s, r, *rest: (s, "much", *rest), r"reward = 'much': allowed is a number"),
        (lambda _, s, r, *rest: (s, "1", *rest), r"reward = '1': allowed is a number"),
        (lambda _, s, r, *rest: (s, 1j, *rest), r"reward = 1j: allowed is a number"),
        (lambda _, s, r, t, u, i: (s, r, t, i), r"step returned 4 values: allowed are 5"),
        (lambda _, *all_: iter(all_), r"step returned a tuple_iterator: allowed are 5 values"),
        (lambda _, s, r, t, *rest: (s, r, "False", *rest), r"terminated = 'False': .*True or"),
        (lambda _, s, r, t, *rest: (s, r, None, *rest), r"terminated = None: .*True or False"),
        (lambda _, s, r, t, u, i: (s, r, t, np.nan, i), r"truncated = nan: .*True or False"),
        (lambda _, s, r, t, u, i: (s, r, t, np.zeros(2), i), r"truncated = array.*True or False"),
        (lambda _, s, *rest: (None, *rest), r"observation is a NoneType: allowed is a dict"),
        (
            lambda _, s, *rest: ({"observation": s["observation"]}, *rest),
            r"observation lacks 'achieved_goal', which its space has",
        ),
        (
            lambda _, s, *rest: ({**s, "observation": np.zeros(1)}, *rest),
            r"observation has shape \(1,\), its space \(2,\)",
        ),
        (
            lambda _, s, *rest: ({**s, "achieved_goal": np.zeros((1, 2))}, *rest),
            r"achieved_goal has shape \(1, 2\), its space \(2,\)",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(step: Any, line: str) -> None:
    with pytest.raises(WorkerError, match=line):
        pool_of(step).step(np.zeros((2, 2), np.float32))


@pytest.mark.usefixtures("one_core")
def test_a_first_observation_that_is_no_number_is_named() -> None:
    class Broken(Point):
        def observe(self) -> Any:
            shown = super().observe()
            if not self.place.any():
                shown["observation"][0] = np.nan
            return shown

    with registered(Broken) as env_id:
        agent = agent_on(env_id)
        with pytest.raises(Diverged, match=r"environment 0: observation = nan at .* step 0;"):
            bnpo.train(agent, 80, **SHORT)
        with pytest.raises(Diverged, match=r"environment 0: observation = nan"):
            bnpo.evaluate(agent, 4)
