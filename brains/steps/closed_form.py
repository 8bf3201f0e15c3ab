"""DDPG's step up Q along the policy's mean, without automatic differentiation."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from bnpo.brains.rule import Info, Rule
from bnpo.brains.rules.ddpg import DDPG
from bnpo.brains.steps.optimizers import ActorStep, GradientStep
from bnpo.networks import Actor, Critic

__all__ = ["MeanClimb"]


class MeanClimb:
    """Gradient of mean w (Q(s, g, μ, σ) - c₂ z²) by the weights of μ, in closed form.

    The products that automatic differentiation takes, in its order: the same bits sooner.
    """

    def __init__(
        self,
        actor: Actor,
        critic: Critic,
        actor_step: GradientStep,
        *,
        point: bool,
        action_l2: float,
    ) -> None:
        """Climb a critic by an actor's mean.

        Args:
            actor: that is moved
            critic: Q
            actor_step: what moves the parameters
            point: Q is climbed at (μ, 0) instead of (μ, σ)
            action_l2: c₂

        """
        self.actor = actor
        self.critic = critic
        self.actor_step = actor_step
        self.point = point
        self.action_l2 = action_l2

    @classmethod
    def of(
        cls, rule: Rule, actor: Actor, critic: Critic, actor_step: ActorStep, *, point: bool
    ) -> Self | None:
        """Return the climb of a rule; None where σ learns too or samples weigh by their ratio."""
        if type(rule) is not DDPG or rule.clip is not None or rule.entropy:
            return None
        if not (rule.mean_only or point or actor.sigma_mode == "fixed"):
            return None
        if not isinstance(actor_step, GradientStep):
            return None
        return cls(actor, critic, actor_step, point=point, action_l2=rule.action_l2)

    @torch.no_grad()
    def step(
        self,
        features: Tensor,
        outputs: tuple[Tensor, Tensor, Tensor],
        trace: list[Tensor],
        weight: Tensor | None,
    ) -> Info:
        """Take the actor's step; return scalars for the log.

        Args:
            features: [B, F]
            outputs: μ, σ and z, all [B, A], of the actor's forward pass
            trace: of the same pass
            weight: w, [B]; None: one for all

        """
        mu, sigma, raw = outputs
        kept: list[tuple[Tensor, ...]] = []
        q = self.critic.traced(features, mu, torch.zeros_like(sigma) if self.point else sigma, kept)
        value = self.critic.reduced(q)  # [B, R]
        slope = torch.full_like(value[:, 0], -1.0 / len(value))
        if weight is not None:
            slope = slope * weight
        by_q = self.critic.reduced_slope(q, slope[:, None].expand_as(value))
        by_mean = self.critic.mean_slope(kept, by_q)
        by_raw: Tensor | None = None
        if self.action_l2:
            by_raw = (-slope * self.action_l2)[:, None] / raw.shape[1] * (2.0 * raw)
        gradients = self.actor.gradients(trace, by_mean, by_raw)
        gradients += [None] * (len(self.actor_step.parameters) - len(gradients))  # of a memory
        return {"q_value": value.sum(-1).mean()} | self.actor_step.descend(gradients)
