"""Rewards that depend on info: what hindsight keeps of it, and what it refuses by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

import bnpo
from bnpo.agent import Agent
from bnpo.envs import make_env
from bnpo.envs.goal_functions import goal_functions
from bnpo.envs.kept_info import pack, pack_each, unpack, unpacked
from bnpo.errors import ConfigError
from bnpo.interop.minari_files import open_dataset
from bnpo.interop.offline import from_minari, to_minari
from bnpo.types import InfoKey, Transitions
from tests.envs.points import SHORT, Point, agent_on, registered

pytestmark = pytest.mark.usefixtures("one_core")


class Priced(Point):
    """A step costs what info says: the place on the first axis, and 1 + 2 contacts."""

    info: Any = None

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        self.place = (self.place + 0.2 * action).astype(np.float32)
        info = {"price": float(self.place[0]), "contacts": np.array([1, 2]), "label": "fast"}
        reward = self.compute_reward(self.place, self.goal.astype(np.float32), info)
        return self.observe(), float(reward), False, False, info

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        price = info["price"] + np.asarray(info["contacts"]).sum(-1)
        return super().compute_reward(achieved_goal, desired_goal, info) - price


class Batchless(Priced):
    """Answers for one step at a time."""

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        assert np.ndim(info["price"]) == 0
        assert info["contacts"].dtype == np.int64
        return super().compute_reward(achieved_goal, desired_goal, info)


class Sometimes(Priced):
    """Tells the price right of the middle alone."""

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        shown, _, *rest, info = super().step(action)
        if self.place[0] <= 0:
            del info["price"]
        goals = self.place, self.goal.astype(np.float32)
        return shown, float(self.compute_reward(*goals, info)), *rest, info

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        info = {**info, "price": info.get("price", 0.0)}
        return super().compute_reward(achieved_goal, desired_goal, info)


@contextmanager
def trained(make: Any, steps: int = 240) -> Iterator[Agent]:
    with registered(make) as env_id:
        agent = agent_on(env_id)
        bnpo.train(agent, steps, **SHORT)
        yield agent


def credit(agent: Agent) -> tuple[Transitions, torch.Tensor]:
    """Transitions with hindsight, and where their steps led to."""
    assert agent.replay is not None
    segment, time = agent.replay.draw(1_000, 10**9, torch.Generator().manual_seed(0))
    made = agent.brains[0].credit.assign(agent.replay, segment, time)
    return made[made.relabelled], agent.replay.trajectories.achieved_goal[segment, time + 1][
        made.relabelled
    ]


@pytest.mark.parametrize("make", [Priced, Batchless])
def test_relabelled_rewards_have_their_step_s_info(make: Any) -> None:
    """Minus 1 where it is farther than 0.1 from the new goal, minus the place, minus 1 + 2."""
    with trained(make) as agent:
        assert [key.name for key in agent.spec.info] == ["price", "contacts"]
        made, now = credit(agent)
        far = (torch.linalg.vector_norm(now - made.goal, dim=1) > 0.1).float()
        assert len(made) > 500
        torch.testing.assert_close(made.reward[:, 0], -far - now[:, 0] - 3.0)


def test_info_that_is_told_at_some_steps_is_missing_at_the_others() -> None:
    with trained(Sometimes) as agent:
        made, now = credit(agent)
        far = (torch.linalg.vector_norm(now - made.goal, dim=1) > 0.1).float()
        expected = -far - now[:, 0].clamp(min=0) - 3.0
        torch.testing.assert_close(made.reward[:, 0], expected)


def test_a_run_that_keeps_info_is_the_same_by_workers_and_one_by_one() -> None:
    rewards = []
    for workers in (0, 1):
        with registered(Priced) as env_id:
            agent = agent_on(env_id, env_kwargs={})
            env = bnpo.envs.make_vector_env(env_id, 3, workers=workers)
            env.reset(seed=0)
            for _ in range(12):  # episodes have 10 steps: their ends and beginnings count
                infos = env.step(np.full((3, 2), 0.5, np.float32))[4]
                rewards.append(pack(infos, agent.spec.info, 3))
            env.close()
    np.testing.assert_array_equal(rewards[:12], rewards[12:])
    # 0.1 a step from 0: 1.0 at the end of the first episode, 0.2 two steps later
    assert [row[0][0] for row in (rewards[9], rewards[11])] == pytest.approx([1.0, 0.2])


def test_other_brains_keep_nothing() -> None:
    with registered(Priced) as env_id:
        agent = agent_on(env_id, "ppo")
        assert agent.spec.info == ()
        assert len(bnpo.train(agent, 160, **SHORT)) == 1


class Text(Priced):
    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        return super().compute_reward(achieved_goal, desired_goal, info) - (info["label"] == "slow")


class Logs(Priced):
    """Looks at text, and pays nothing for it."""

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        self.seen = info.get("label")
        return super().compute_reward(achieved_goal, desired_goal, info)


class Untold(Priced):
    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        shown, reward, *rest, _ = super().step(action)
        return shown, reward, *rest, {"other": 1}


class Exits(Point):
    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        raise SystemExit(0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Text, r"Own-v0: compute_reward needs info\['label'\], which hindsight cannot keep: it "
               r"holds text; allowed are numbers and arrays of numbers of one shape$"),
        (Untold, r"Own-v0: compute_reward needs info\['price'\], which no step tells \(KeyErr"),
        (Exits, r"Own-v0: compute_reward\(achieved_goal, .* fails \(SystemExit: 0\)$"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_by_name(make: Any, words: str) -> None:
    with registered(make) as env_id, pytest.raises(ValueError, match=words):
        agent_on(env_id)
    with registered(make) as env_id:  # without hindsight nobody asks
        agent_on(env_id, "ppo")


def test_a_look_that_changes_nothing_is_let_be() -> None:
    with registered(Logs) as env_id:
        assert [key.name for key in agent_on(env_id).spec.info] == ["price", "contacts"]


def test_what_the_first_steps_do_not_read_is_refused_when_it_is_needed() -> None:
    """Only what goes beyond 1.5 is priced, which random actions do not reach in 40 steps."""

    class Late(Priced):
        def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
            far = float(np.abs(achieved_goal).max()) > 1.5
            price = info["contacts"][0] if far else 0.0
            return Point.compute_reward(self, achieved_goal, desired_goal, {}) - price

    with registered(Late) as env_id:
        answers = goal_functions(make_env(env_id))
        assert answers.keys == ()
        zeros, away = np.zeros((2, 2), np.float32), np.full((2, 2), 9.0, np.float32)
        assert answers.reward(zeros, zeros).tolist() == [0.0, 0.0]
        with pytest.raises(ConfigError, match=r"KeyError: 'contacts'.* reads of info: nothing$"):
            answers.reward(away, zeros)


KEYS = (
    InfoKey(name="a", shape=(), dtype="bool"),
    InfoKey(name="b", shape=(2,), dtype="int64"),
    InfoKey(name="c", shape=(1, 1), dtype="float64"),
)


def test_what_is_packed_is_unpacked_in_its_types() -> None:
    infos = [{"a": True, "b": np.array([3, 4]), "c": [[0.5]]}, {"b": np.array([5, 6]), "x": 1}]
    packed = pack_each(infos, KEYS)
    nan = np.nan
    np.testing.assert_array_equal(packed, [[1, 3, 4, 0.5], [nan, 5, 6, nan]])
    (first, second) = unpacked(packed.astype(np.float32), KEYS)
    assert (first["a"], first["b"].tolist(), first["c"].tolist()) == (True, [3, 4], [[0.5]])
    assert {key: value.dtype.name for key, value in first.items()} == {
        "a": "bool",
        "b": "int64",
        "c": "float64",
    }
    assert [*second] == ["b"]
    assert unpack(packed[:1], KEYS)["b"].tolist() == [[3, 4]]


def test_another_shape_than_at_first_is_named() -> None:
    infos = {"b": np.array([[1, 2, 3]]), "_b": np.array([True])}
    with pytest.raises(ConfigError, match=r"info\['b'\] = '\[1 2 3\]': .* of shape \(2,\)"):
        pack(infos, KEYS[1:2], 1)


def test_info_goes_with_a_dataset(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with trained(Priced) as agent:
        to_minari(agent, "own/priced-v0")
        episode = next(open_dataset("own/priced-v0", agent).iterate_episodes())
        assert len(episode.infos["price"]) == len(episode.rewards) + 1
        other = agent_on(agent.spec.env_id)
        from_minari(other, "own/priced-v0")
        assert other.replay is not None
        made, now = credit(other)
        far = (torch.linalg.vector_norm(now - made.goal, dim=1) > 0.1).float()
        torch.testing.assert_close(made.reward[:, 0], -far - now[:, 0] - 3.0)


def test_what_is_read_later_and_decides_is_refused_by_name() -> None:
    """Its steps pay -1 - 5 from then on; the goals alone say -1."""

    class Switched(Point):
        on = False

        def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
            self.place = (self.place + 0.02 * action).astype(np.float32)
            goal, info = self.goal.astype(np.float32) + 9, {"price": 5.0}
            shown = {**self.observe(), "desired_goal": goal}
            return shown, float(self.compute_reward(self.place, goal, info)), False, False, info

        def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
            reward = Point.compute_reward(self, achieved_goal, desired_goal, {})
            return reward - (info.get("price", 0.0) if Switched.on else 0.0)

    with registered(Switched) as env_id:
        agent = agent_on(env_id)
        Switched.on = True
        words = (
            r"Own-v0: compute_reward uses info\['price'\], which hindsight does not keep: a step "
            r"that paid -6 would be relabelled as -1; let it read numbers, and in every step, or "
            r"take a credit scheme without hindsight$"
        )
        with pytest.raises(ConfigError, match=words):
            bnpo.train(agent, 160, **SHORT)
