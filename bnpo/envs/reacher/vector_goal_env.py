"""Base of the goal environments that step a whole batch in one call."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from bnpo.envs.reacher.batch_env import BatchEnv, BoolArray, FloatArray, IndexArray

__all__ = ["GOAL_KEYS", "BoolArray", "FloatArray", "IndexArray", "Observations", "VectorGoalEnv"]

Observations = dict[str, FloatArray]
"""Arrays of an observation, [N, .] each, by key."""

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")
"""Keys of what a goal environment observes."""


class VectorGoalEnv(BatchEnv):
    """A batch that observes what was achieved and what is desired, and pays by the two."""

    goals_move = False
    """Whether the desired goal moves within an episode, whatever the actions."""

    @abstractmethod
    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        """Return the reward of reaching one goal [..., G] where another was desired, [...]."""

    @abstractmethod
    def observe(self) -> Observations:
        """Return fresh arrays [N, .] for each key of the observation."""
