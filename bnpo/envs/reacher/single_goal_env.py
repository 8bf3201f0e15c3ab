"""A single goal environment that is a batch of one."""

from __future__ import annotations

from typing import Any

from bnpo.envs.reacher.single_env import SingleEnv
from bnpo.envs.reacher.vector_goal_env import VectorGoalEnv


class SingleGoalEnv(SingleEnv):
    """One environment of a :class:`VectorGoalEnv`."""

    batch: VectorGoalEnv

    def __init__(self, batch: VectorGoalEnv) -> None:
        """Take ownership of ``batch``, a batch of one without autoreset."""
        super().__init__(batch)

    @property
    def goals_move(self) -> bool:
        """Whether the desired goal moves within an episode, whatever the actions."""
        return self.batch.goals_move

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        """Return the reward of achieved for desired goals, both [..., G], arrays or tensors."""
        return self.batch.compute_reward(achieved_goal, desired_goal, info)
