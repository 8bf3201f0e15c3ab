"""The fast path: gradients in closed form.

Automatic differentiation finds the same numbers; assembly takes this file where
``AgentConfig.closed_form`` says so. The products are those that automatic differentiation takes, in
its order and without its graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from bnpo.brains.losses import half_mean_square
from bnpo.brains.rule import Info, Rule
from bnpo.brains.rules.ddpg import DDPG
from bnpo.brains.steps.actor import Objective
from bnpo.brains.steps.critic import CriticStep
from bnpo.brains.steps.minibatch import Minibatch, PolicyOutput
from bnpo.brains.steps.optimizers import ActorOptimizer, GradientStep
from bnpo.networks import Actor, Critic

__all__ = ["ClosedFormCritic", "MeanClimb"]

Trace = Sequence[tuple[Tensor, ...]]
"""Input of every layer of a critic, and what its normalisation kept."""


class ClosedFormCritic(CriticStep):
    """The critic's step where the encoder holds no memory."""

    @torch.no_grad()
    def gradients(
        self, minibatch: Minibatch, mu: Tensor, sigma: Tensor
    ) -> tuple[Tensor, Tensor, Sequence[Tensor | None]]:
        """Error [E, B, R], loss and its gradients by the critic."""
        critic, trace = self.networks.critic, list[tuple[Tensor, ...]]()
        error = minibatch.td_target - critic(minibatch.features, mu, sigma, trace)
        loss, slope = half_mean_square(error, minibatch.weight)
        return error, loss, critic_gradients(critic, trace, -slope)


class MeanClimb:
    """DDPG's step up Q along the policy's mean: mean w (Q(s, g, μ, σ) - c₂ z²) by the weights of μ.

    For rules that leave σ alone and do not weigh samples by a ratio (:meth:`of`).
    """

    def __init__(
        self,
        actor: Actor,
        critic: Critic,
        optimizer: GradientStep,
        *,
        point: bool,
        action_l2: float,
    ) -> None:
        """Climb a critic by an actor's mean.

        Args:
            actor: that is moved
            critic: Q
            optimizer: what moves the parameters
            point: Q is climbed at (μ, 0) instead of (μ, σ)
            action_l2: c₂

        """
        self.actor = actor
        self.critic = critic
        self.optimizer = optimizer
        self.point = point
        self.action_l2 = action_l2
        self._descend = optimizer.descend
        self._trace: list[Tensor] = []

    @classmethod
    def of(
        cls, rule: Rule, actor: Actor, critic: Critic, optimizer: ActorOptimizer, *, point: bool
    ) -> Self | None:
        """Return the climb of a rule; None where σ learns too or samples weigh by their ratio."""
        if type(rule) is not DDPG or rule.clip is not None or rule.entropy:
            return None
        if not (rule.mean_only or point or actor.sigma_mode == "fixed"):
            return None
        if not isinstance(optimizer, GradientStep):
            return None
        return cls(actor, critic, optimizer, point=point, action_l2=rule.action_l2)

    @torch.no_grad()
    def look(self, features: Tensor) -> PolicyOutput:
        """Return the actor's output; what its layers saw is kept for the step."""
        self._trace = []
        return PolicyOutput(*self.actor.heads(features, self._trace))

    @torch.no_grad()
    def __call__(self, minibatch: Minibatch, objective: Objective) -> Info:
        """Take the actor's step; the objective is the one that this class knows."""
        mu, sigma, raw = minibatch.policy
        trace: list[tuple[Tensor, ...]] = []
        scale = torch.zeros_like(sigma) if self.point else sigma
        q = self.critic(minibatch.features, mu, scale, trace)
        value = self.critic.reduced(q)  # [B, R]
        slope = torch.full_like(value[:, 0], -1.0 / len(value))
        if minibatch.weight is not None:
            slope = slope * minibatch.weight
        by_q = reduced_slope(self.critic, q, slope[:, None].expand_as(value))
        by_mean = mean_slope(self.critic, trace, by_q)
        by_raw: Tensor | None = None
        if self.action_l2:
            by_raw = (-slope * self.action_l2)[:, None] / raw.shape[1] * (2.0 * raw)
        gradients = actor_gradients(self.actor, self._trace, by_mean, by_raw)
        return {"q_value": value.sum(-1).mean()} | self._descend(gradients)


def critic_gradients(critic: Critic, trace: Trace, slope: Tensor) -> list[Tensor]:
    """Gradient of Σ slope · Q by every parameter, in the order of ``parameters()``.

    Args:
        critic: Q
        trace: of its forward pass
        slope: [E, B, R]

    """
    found: list[Tensor] = []
    for (x, *_), by_output in zip(reversed(trace), _slopes(critic, trace, slope), strict=True):
        found += (by_output.sum(1, keepdim=True), torch.bmm(x.mT, by_output))
    return found[::-1]


def mean_slope(critic: Critic, trace: Trace, slope: Tensor) -> Tensor:
    """Gradient of Σ slope · Q by μ alone, [B, A].

    Args:
        critic: Q
        trace: of its forward pass
        slope: [E, B, R]

    """
    *_, by_output = _slopes(critic, trace, slope)
    first, _ = critic.layers[0]
    actions = critic.action_dim
    by_input = torch.bmm(by_output, first.mT)
    by_input = by_input[0] if critic.members == 1 else by_input.sum(0)
    by_mean = by_input[:, -2 * actions : -actions]
    return by_mean if critic.unit_box else by_mean / critic.half_range


def _slopes(critic: Critic, trace: Trace, slope: Tensor) -> Iterator[Tensor]:
    """Gradient by the output of every layer, from the head down, of that by the head's."""
    yield slope
    for (x, *kept), (weight, _) in zip(trace[:0:-1], critic.layers[:0:-1], strict=True):
        slope = torch.bmm(slope, weight.mT)
        slope = torch.ops.aten.threshold_backward(slope, x, 0)
        if kept:
            width = slope.shape[-1:]
            slope, _, _ = torch.ops.aten.native_layer_norm_backward(
                slope, kept[0], width, kept[1], kept[2], None, None, [True, False, False]
            )
        yield slope


def reduced_slope(critic: Critic, q: Tensor, slope: Tensor) -> Tensor:
    """Gradient of Σ slope · reduced(q) by the ensemble's values q, [E, B, R].

    Args:
        critic: reduces by minimum or mean
        q: [E, B, R]
        slope: [B, R]; members that share the minimum share it

    """
    if critic.members == 1:
        return slope[None]
    if critic.reduce == "mean":
        return (slope / critic.members).expand_as(q)
    least = q == q.amin(0)
    return slope * least / least.sum(0)


def actor_gradients(
    actor: Actor, trace: Sequence[Tensor], by_mean: Tensor, by_raw: Tensor | None
) -> list[Tensor | None]:
    """Gradient of Σ by_mean · μ + by_raw · z, in the order of ``parameters()``, σ aside.

    Args:
        actor: π
        trace: of its forward pass
        by_mean: [B, A]
        by_raw: [B, A], by the output z before tanh; None: it plays no part

    """
    *inputs, squashed = trace
    slope = by_mean if actor.unit_box else by_mean * actor.half_range
    slope = torch.ops.aten.tanh_backward(slope, squashed)
    if by_raw is not None:
        slope = slope + by_raw
    if actor.sigma_mode == "state":
        slope = functional.pad(slope, (0, actor.action_dim))
    layers = actor.layers
    found: list[Tensor | None] = []
    for depth in range(len(layers) - 1, -1, -1):
        x = inputs[depth]
        found += (slope.sum(0), torch.mm(slope.t(), x))
        if depth:
            slope = torch.mm(slope, layers[depth][0])
            slope = torch.ops.aten.threshold_backward(slope, x, 0)
    return [None] * (actor.sigma_mode != "fixed") + found[::-1]
