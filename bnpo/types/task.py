"""What an agent must know of its environment."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["InfoKey", "TaskSpec"]


@dataclass(frozen=True, kw_only=True, slots=True)
class InfoKey:
    """A quantity of info that the replay keeps, since ``compute_reward`` reads it."""

    name: str
    """Key of info."""

    shape: tuple[int, ...]
    """Shape of its value; () for a number."""

    dtype: str
    """NumPy's name of its type, such as float64 or bool."""

    @property
    def size(self) -> int:
        """Numbers in its value."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSpec:
    """What an agent must know of its environment."""

    env_id: str
    """Gymnasium id."""

    observation_dim: int
    """Numbers in the observation, without goals."""

    goal_dim: int
    """Numbers in a goal; 0 for an environment without goals."""

    action_low: tuple[float, ...]
    """Lower bounds of the action, one per dimension."""

    action_high: tuple[float, ...]
    """Upper bounds of the action, one per dimension."""

    reward_dim: int = 1
    """Components of the reward."""

    max_episode_steps: int | None = None
    """Time limit of an episode (environment steps), if there is one."""

    goals_move: bool = False
    """Whether the desired goal moves within an episode, whatever the actions."""

    info: tuple[InfoKey, ...] = ()
    """What of each step's info the replay keeps for hindsight."""

    @property
    def action_dim(self) -> int:
        """Numbers in an action."""
        return len(self.action_low)

    @property
    def info_dim(self) -> int:
        """Numbers that are kept of each step's info."""
        return sum(key.size for key in self.info)

    @property
    def is_goal_env(self) -> bool:
        """Whether observations carry achieved and desired goals."""
        return self.goal_dim > 0
