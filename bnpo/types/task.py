"""What an agent must know of its environment."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TaskSpec"]


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

    @property
    def action_dim(self) -> int:
        """Numbers in an action."""
        return len(self.action_low)

    @property
    def is_goal_env(self) -> bool:
        """Whether observations carry achieved and desired goals."""
        return self.goal_dim > 0
