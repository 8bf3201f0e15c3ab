"""What credit schemes may ask of the networks and the task."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bnpo.brains import LearningStep
from bnpo.networks import gaussian
from bnpo.types import TaskSpec

__all__ = ["NetworkEvaluator", "RewardFunction", "TerminationFunction"]

RewardFunction = Callable[[Tensor, Tensor], Tensor]
"""Reward [B] or [B, R] of achieved and desired goals, both [B, G]."""

TerminationFunction = Callable[[Tensor, Tensor], Tensor]
"""Whether episodes end [B], by achieved and desired goals, both [B, G]."""


class NetworkEvaluator:
    """Answers a credit scheme's questions with one brain's networks (see bnpo.types.Evaluator)."""

    def __init__(
        self,
        step: LearningStep,
        spec: TaskSpec,
        reward_function: RewardFunction | None,
        *,
        termination_function: TerminationFunction | None = None,
        gamma: float | Callable[[int], float],
        acting: bool,
        generator: torch.Generator,
    ) -> None:
        """Ask these networks.

        Args:
            step: of one brain, whose networks answer
            spec: the task
            reward_function: the task's reward of goals; None without goals
            termination_function: whether they end an episode; None: none does
            gamma: discount factor, or a function of environment steps that returns it
            acting: values are those of the online actor, which acts, instead of the target actor's
            generator: source of a scheme's random numbers

        """
        self.networks = step.networks
        self._step = step
        self.spec = spec
        self.reward_function = reward_function
        self.termination_function = termination_function
        self.env_steps = 0
        """Environment steps so far, as the brain last told"""
        self._gamma = gamma
        self._actor = self.networks.actor if acting else self.networks.target_actor
        self._generator = generator

    @property
    def gamma(self) -> float:
        """Discount factor per environment step after the steps taken so far."""
        gamma = self._gamma
        return float(gamma(self.env_steps)) if callable(gamma) else gamma

    @property
    def generator(self) -> torch.Generator:
        """Source of the scheme's random numbers."""
        return self._generator

    @torch.no_grad()
    def value(self, observation: Tensor, goal: Tensor) -> Tensor:
        """Q'(s, g, π(s, g)) as the brain's TD targets bootstrap from it, [B, R].

        The policy π is the acting or the target actor's.
        """
        return self._step.next_value(observation, goal, self._actor)

    @torch.no_grad()
    def entropy_bonus(self, observation: Tensor, goal: Tensor) -> Tensor:
        """C H(π(s, g)) as it enters the brain's TD targets, [B]; 0 where it does not."""
        return self._step.next_entropy(observation, goal, self._actor)

    @torch.no_grad()
    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of actions under the online actor, [B]."""
        features = self.networks.encoder(observation, goal)
        return gaussian.log_prob(action, *self.networks.actor(features))

    @torch.no_grad()
    def target_log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of actions under the brain's own target actor, [B]."""
        features = self.networks.encoder(observation, goal)
        return gaussian.log_prob(action, *self.networks.target_actor(features))

    def reward(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """Reward of the task for goals [B, G], [B, R]."""
        if self.reward_function is None:
            raise ValueError(f"{self.spec.env_id} has no goals, so no reward of goals")
        reward = self.reward_function(achieved_goal, desired_goal)
        return reward.to(achieved_goal.dtype).reshape(len(achieved_goal), self.spec.reward_dim)

    def terminated(self, achieved_goal: Tensor, desired_goal: Tensor) -> Tensor:
        """Whether achieving a goal ends the episode, for goals [B, G], [B]."""
        if self.termination_function is None:
            return torch.zeros(len(achieved_goal), dtype=torch.bool, device=achieved_goal.device)
        return self.termination_function(achieved_goal, desired_goal)
