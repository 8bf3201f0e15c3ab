"""Where a run stands, as its checkpoints hold it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bnpo.types.step import Step

__all__ = ["Progress"]


@dataclass
class Progress:
    """Where a run stands."""

    wall_s: float = 0.0
    """Seconds of training and credit, without evaluation"""
    checkpoint_s: float = 0.0
    """Seconds that checkpoints took, which are not in these"""
    turns: dict[str, dict[str, float]] = field(default_factory=dict)
    """Scalars of each brain's last turn"""
    reward_low: float = 0.0
    """Least reward so far, of those not above zero"""
    reward_high: float = 0.0
    """Largest reward so far, of those not below zero"""
    worker_restarts: list[dict[str, Any]] = field(default_factory=list)
    """Environment steps and cause of every restart of a worker"""
    policy_lag: int = 0
    """Most vector steps, since the last evaluation, by which the acting policy was behind"""

    def note_step(self, step: Step) -> None:
        """Widen the ranges by one step of every environment."""
        self.reward_low = min(self.reward_low, step.reward_low)
        self.reward_high = max(self.reward_high, step.reward_high)
        self.policy_lag = max(self.policy_lag, step.lag)

    def note_restarts(self, env: Any, env_steps: int) -> None:
        """Keep what made workers of an environment restart."""
        news = env.restarts.news() if hasattr(env, "restarts") else []
        self.worker_restarts += [{"env_steps": env_steps, "cause": cause} for cause in news]
