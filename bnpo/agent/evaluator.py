"""What credit schemes may ask of the networks and the task."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bnpo.brains import Networks
from bnpo.networks import gaussian
from bnpo.types import TaskSpec

__all__ = ["NetworkEvaluator", "RewardFunction"]

RewardFunction = Callable[[Tensor, Tensor], Tensor]
"""Reward [B] or [B, R] of achieved and desired goals, both [B, G]."""


class NetworkEvaluator:
    """Answers a credit scheme's questions with one brain's networks (see bnpo.types.Evaluator)."""

    def __init__(
        self,
        networks: Networks,
        spec: TaskSpec,
        reward_function: RewardFunction | None,
        *,
        discount: Callable[[int], float],
        climb_point: bool,
        acting: bool,
        generator: torch.Generator,
    ) -> None:
        """Ask these networks.

        Args:
            networks: of one brain
            spec: the task
            reward_function: the task's reward of goals; None without goals
            discount: the discount factor by environment steps
            climb_point: values are those of the mean action, Q(s, g, μ, 0)
            acting: values are those of the online actor, which acts, instead of the target actor's
            generator: source of a scheme's random numbers

        """
        self.networks = networks
        self.spec = spec
        self.reward_function = reward_function
        self.env_steps = 0
        """Environment steps so far, as the brain last told"""
        self._discount = discount
        self.climb_point = climb_point
        self._actor = networks.actor if acting else networks.target_actor
        self._generator = generator

    @property
    def gamma(self) -> float:
        """Discount factor per environment step after the steps taken so far."""
        return self._discount(self.env_steps)

    @property
    def generator(self) -> torch.Generator:
        """Source of the scheme's random numbers."""
        return self._generator

    @torch.no_grad()
    def value(self, observation: Tensor, goal: Tensor) -> Tensor:
        """Q'(s, g, π(s, g)) of the target critic, [B, R], π the acting or the target actor."""
        features = self.networks.encoder(observation, goal)
        mu, sigma = self._actor(features)
        if self.climb_point:
            sigma = torch.zeros_like(sigma)
        return self.networks.target_critic.value(features, mu, sigma)

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
