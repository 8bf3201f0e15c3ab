"""Rewards of whole batches of goals equal the environments' answers one by one."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict

from bnpo.envs import make_env, reward_function, termination_function


def goals_of(env: gym.Env[Any, Any]) -> tuple[Any, Any]:
    """Pairs of goals [8, G], half of them equal."""
    starts = [env.reset(seed=seed)[0] for seed in range(8)]
    achieved = np.array([start["achieved_goal"] for start in starts])
    desired = np.array([start["desired_goal"] for start in starts])
    desired[::2] = achieved[::2]
    return achieved, desired


@pytest.mark.parametrize(
    ("env_id", "settings"),
    [
        ("FetchReach-v4", {}),
        ("FetchReach-v4", {"reward_type": "dense"}),
        ("PointMaze_UMaze-v3", {"continuing_task": False}),
        ("HandManipulatePenRotate-v1", {}),  # mixes the rows of a batch up
        ("bnpo/GoalReacher-v0", {}),
        ("bnpo/MovingReacher-v0", {"reward_type": "contact"}),
    ],
)
def test_batch_is_answered_row_by_row(env_id: str, settings: dict[str, Any]) -> None:
    env = make_env(env_id, **settings)
    achieved, desired = goals_of(env)
    base: Any = env.unwrapped
    single = [base.compute_reward(a, d, {}) for a, d in zip(achieved, desired, strict=True)]
    rewards = reward_function(env)(achieved, desired)
    np.testing.assert_allclose(rewards, single, atol=1e-12)
    assert len(set(np.round(rewards, 6))) > 1
    tensors = reward_function(env)(torch.tensor(achieved), torch.tensor(desired))
    np.testing.assert_allclose(tensors.numpy(), single, atol=1e-7)
    env.close()


def test_maze_terminates_row_by_row() -> None:
    """``compute_terminated`` of the Maze family answers once for a whole batch."""
    env = make_env("PointMaze_UMaze-v3", continuing_task=False)
    achieved, desired = goals_of(env)
    ends = termination_function(env)(achieved, desired)
    np.testing.assert_array_equal(ends, np.linalg.norm(achieved - desired, axis=1) <= 0.45)
    assert ends.any()
    assert not ends.all()
    env.close()


def test_environment_without_terminations_never_ends() -> None:
    env = make_env("bnpo/GoalReacher-v0")
    achieved, desired = goals_of(env)
    assert not termination_function(env)(achieved, desired).any()
    assert not termination_function(env)(torch.tensor(achieved), torch.tensor(desired)).any()


class Picky(gym.Env[Any, Any]):
    """Answers for one pair of goals only, and raises for a batch."""

    observation_space = Dict(
        {key: Box(-9, 9, (2,)) for key in ("observation", "achieved_goal", "desired_goal")}
    )
    action_space = Box(-1, 1, (1,))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return {key: self.np_random.normal(size=2) for key in self.observation_space}, {}

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> float:
        return 1.0 if np.abs(achieved - desired).max() < 1.0 and achieved.shape == (2,) else 0.0


def test_reward_for_single_goals_is_called_row_by_row() -> None:
    achieved, desired = np.zeros((3, 2)), np.array([[0.5, 0.5], [2.0, 0.0], [0.0, 0.0]])
    function = reward_function(Picky())
    assert function(achieved, desired).tolist() == [1.0, 0.0, 1.0]
    assert function(achieved[:0], desired[:0]).shape == (0,)


def test_environment_without_goals_has_no_reward_function() -> None:
    with pytest.raises(ValueError, match="no goal environment"):
        reward_function(make_env("Reacher-v5"))
