"""Hindsight asks the environment, as its user wraps it, for reward and termination of a goal."""

from __future__ import annotations

import logging
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import bnpo
from bnpo.envs import make_env, reward_function, termination_function
from bnpo.presets import PRESETS
from bnpo.training.first_look import tell_cut_episodes
from tests.envs.points import SHORT, Point, agent_on, registered

pytestmark = pytest.mark.usefixtures("one_core")


class Ending(Point):
    """Ends where it reaches its goal, and says so."""

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        shown, reward, _, truncated, info = super().step(action)
        return shown, reward, bool(reward == 0.0), truncated, info

    def compute_terminated(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        return self.compute_reward(achieved_goal, desired_goal, info) == 0.0


class Mute(Point):
    """Ends where it reaches its goal, and has no compute_terminated."""

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        shown, reward, *rest = super().step(action)
        return shown, reward, bool(reward == 0.0), *rest[1:]

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.goal = np.zeros(2)  # reached at the first step in most directions
        return self.observe(), {}


class Centimetres(gym.ObservationWrapper[Any, Any, Any]):
    """Shows goals in hundredths, and answers for them."""

    def observation(self, observation: Any) -> Any:
        goals = ("achieved_goal", "desired_goal")
        return {key: part * (100 if key in goals else 1) for key, part in observation.items()}

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        base: Any = self.env.unwrapped
        return base.compute_reward(achieved_goal / 100, desired_goal / 100, info)

    def compute_terminated(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        base: Any = self.env.unwrapped
        return base.compute_terminated(achieved_goal / 100, desired_goal / 100, info)


AWAY = np.array([[0.0, 0.0], [5.0, 0.0], [50.0, 0.0]], np.float32)
GOALS = np.array([[5.0, 0.0], [5.0, 0.0], [0.0, 0.0]], np.float32)


def test_the_outermost_answers_count() -> None:
    """5, 0 and 50 cm apart with a threshold of 10 cm: reached, reached, not reached."""
    with registered(lambda: Centimetres(Ending())) as env_id:
        env = make_env(env_id)
        assert reward_function(env)(AWAY, GOALS).tolist() == [0.0, 0.0, -1.0]
        assert termination_function(env)(AWAY, GOALS).tolist() == [True, True, False]


def test_reward_wrappers_outside_of_it_are_applied() -> None:
    """Ten times the reward, then plus 3: -1 becomes -7, 0 becomes 3."""

    def make() -> Any:
        tenfold = gym.wrappers.TransformReward(Point(), lambda reward: 10.0 * float(reward))
        return gym.wrappers.TransformReward(tenfold, lambda reward: float(reward) + 3.0)

    with registered(make) as env_id:
        answers = reward_function(make_env(env_id))(AWAY / 100, GOALS / 100)
        assert answers.tolist() == [3.0, 3.0, -7.0]


def test_answers_for_single_goals_and_tensors_are_those_of_batches() -> None:
    class Single(Ending):
        def compute_terminated(self, achieved_goal: Any, desired_goal: Any, info: Any) -> bool:
            return bool(np.linalg.norm(achieved_goal - desired_goal) < 0.1)

    with registered(Single) as env_id:
        ends = termination_function(make_env(env_id))
        given = torch.from_numpy(AWAY / 100), torch.from_numpy(GOALS / 100)
        assert ends(*given).tolist() == [True, True, False]
        assert ends(*given).dtype == torch.bool


def test_goals_come_in_the_type_of_the_environment_and_may_be_written_to() -> None:
    types = set()

    class Greedy(Point):
        kind = np.float64

        def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
            types.add(achieved_goal.dtype)
            achieved_goal -= desired_goal
            return -np.abs(achieved_goal).sum(-1)

        def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
            self.place = self.place + 0.2 * action
            reward = -np.abs(self.place - self.goal).sum()
            return self.observe(), reward, False, False, {}

    with registered(Greedy) as env_id:
        agent = agent_on(env_id)
        achieved, desired = torch.ones(1, 2), torch.zeros(1, 2)
        assert agent.reward_of is not None
        assert agent.reward_of(achieved, desired).tolist() == [-2.0]
        assert achieved.tolist() == [[1.0, 1.0]]
        bnpo.train(agent, 160, **SHORT)
        assert types == {np.dtype(np.float64)}
        # What was relabelled is right: minus the distance along the axes of stored goals.
        assert agent.replay is not None
        segment, time = agent.replay.draw(400, 10**9, torch.Generator().manual_seed(0))
        credit = agent.brains[0].credit
        made = credit.assign(agent.replay, segment, time)
        now = agent.replay.trajectories.achieved_goal[segment, time + 1]
        expected = -(now - made.goal).abs().sum(1)
        new = made.relabelled
        torch.testing.assert_close(made.reward[new, 0], expected[new])


def test_relabelled_goals_end_episodes() -> None:
    """The discount is 0 where the new goal was reached, gamma where only the old one was."""
    with registered(Ending, 20) as env_id:
        agent = agent_on(env_id)
        bnpo.train(agent, 1_200, **SHORT)
        assert agent.replay is not None
        segment, time = agent.replay.draw(4_000, 10**9, torch.Generator().manual_seed(0))
        made = agent.brains[0].credit.assign(agent.replay, segment, time)
        new = made.relabelled
        reached = made.reward[:, 0] == 0.0
        assert int((new & reached).sum()) > 100
        assert torch.equal(made.discount[new] == 0.0, reached[new])
        assert bool((made.discount[new & ~reached] == torch.tensor(0.98)).all())


def test_a_goal_that_truncates_is_bootstrapped_from() -> None:
    """Reaching a goal cuts the episode, says the task: the discount stays gamma, 0.98."""

    class Cutting(Point):
        def compute_truncated(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
            return self.compute_reward(achieved_goal, desired_goal, info) == 0.0

    with registered(Cutting, 20) as env_id:
        agent = agent_on(env_id)
        answers = agent.goal_functions
        assert answers is not None
        assert answers.truncated(AWAY / 100, GOALS / 100).tolist() == [True, True, False]
        assert not answers.tells_terminated
        bnpo.train(agent, 400, **SHORT)
        assert agent.replay is not None
        segment, time = agent.replay.draw(1_000, 10**9, torch.Generator().manual_seed(0))
        made = agent.brains[0].credit.assign(agent.replay, segment, time)
        reached = made.relabelled & (made.reward[:, 0] == 0.0)
        assert reached.any()
        assert bool((made.discount[reached] == torch.tensor(0.98)).all())


def test_an_end_without_compute_terminated_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with registered(Mute) as env_id, caplog.at_level(logging.WARNING, "bnpo.envs"):
        bnpo.train(agent_on(env_id), 160, **SHORT)
    (line,) = [one for one in caplog.messages if "compute_terminated" in one]
    assert line.startswith("Own-v0 ends episodes and has no compute_terminated")


def test_another_reward_than_said_is_told_with_figures(caplog: pytest.LogCaptureFixture) -> None:
    """Every step pays 0.5 less than its goals say: -1.5 and -0.5 in place of -1 and 0."""

    class Taxed(Point):
        def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
            shown, reward, *rest = super().step(action)
            return shown, reward - 0.5, *rest

    with registered(Taxed) as env_id, caplog.at_level(logging.WARNING, "bnpo.envs"):
        bnpo.train(agent_on(env_id), 160, **SHORT)
    (line,) = [one for one in caplog.messages if "compute_reward" in one]
    # 20 vector steps of 4 environments
    assert "80 of the first 80 steps paid another reward" in line
    assert "(-0.5 where that says 0)" in line or "(-1.5 where that says -1)" in line


def test_a_reward_in_millionths_is_asked_row_by_row_where_batches_are_mixed_up() -> None:
    class Mixed(Point):
        def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
            away = np.linalg.norm(achieved_goal - desired_goal, axis=-1)
            return -1e-9 * np.sort(away, axis=None) if np.ndim(away) else -1e-9 * away

        def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
            shown, _, *rest = super().step(action)
            return shown, -1e-9, *rest

    with registered(Mixed) as env_id:
        answers = reward_function(make_env(env_id))(AWAY[::-1].copy(), GOALS[::-1].copy())
        np.testing.assert_allclose(answers, [-5e-8, 0.0, -5e-9], rtol=1e-5)


@pytest.mark.parametrize(("steps", "told"), [(200, True), (None, True), (50, False)])
@pytest.mark.parametrize("strategy", ["final", "future", {"future": 0.5, "episode": 0.5}])
def test_goals_of_cut_episodes_are_told(
    strategy: Any, steps: int | None, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Segments have at most 50 steps; "future" is true of any segment."""
    brains = {"ddpg": {**PRESETS["ddpg_her"]["brains"]["ddpg"]}}
    brains["ddpg"]["credit"] = {"name": "her", "strategy": strategy}
    with registered(Point) as env_id, caplog.at_level(logging.WARNING, "bnpo.envs"):
        tell_cut_episodes(agent_on(env_id, brains=brains), steps)
    assert any("agent.max_steps = 50" in one for one in caplog.messages) == (
        told and strategy != "future"
    )
