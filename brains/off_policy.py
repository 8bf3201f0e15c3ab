"""The off-policy return: what old trajectories say about today's policy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bnpo.types import Trajectories

__all__ = [
    "OffPolicyReturn",
    "off_policy_return",
    "per_step_weights",
    "start_baseline",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class OffPolicyReturn:
    """Estimate of a policy's expected return from trajectories of other policies."""

    value: Tensor
    """[R], the estimate"""

    per_step: Tensor
    """[T, R], estimated mean reward of each step"""

    effective_sample_size: Tensor
    """[T], effective number of trajectories at each step: S if all weigh alike, 1 if one rules"""


def per_step_weights(log_ratio: Tensor) -> Tensor:
    """Self-normalised weights S π(τ_{1:t}) / q(τ_{1:t}) / Z_t of log ratios [S, T], [S, T].

    Their mean over trajectories is 1 at every step; no product of ratios is ever formed.
    """
    return log_ratio.cumsum(1).softmax(0) * len(log_ratio)


def off_policy_return(
    reward: Tensor, log_ratio: Tensor, length: Tensor, gamma: float
) -> OffPolicyReturn:
    """Expected return of a policy by self-normalised per-step importance sampling.

    J ≈ Σ_t γ^t 1/Z_t Σ_i w_it r_it,  w_it = π(τ_{i,1:t}) / q(τ_{i,1:t}),  Z_t = Σ_i w_it
    (Levine and Koltun 2013, without their regulariser; Precup et al. 2000). A reward is weighted
    by the actions up to it alone. Consistent, with a bias that shrinks as 1 / S. A trajectory that
    has ended goes on with reward 0 under its last weight.

    Args:
        reward: [S, T, R]
        log_ratio: [S, T], of each action, as from :func:`bnpo.types.log_ratios`
        length: [S], steps that were taken
        gamma: discount factor per step

    """
    if reward.shape[:2] != log_ratio.shape or length.shape != reward.shape[:1]:
        raise ValueError(
            f"off_policy_return: reward {list(reward.shape)}, log_ratio {list(log_ratio.shape)} "
            f"and length {list(length.shape)}: allowed is [S, T, R], [S, T] and [S]"
        )
    at = torch.arange(reward.shape[1], device=reward.device)
    written = at < length[:, None]
    weight = per_step_weights(torch.where(written, log_ratio, 0.0))
    paid = torch.where(written[:, :, None], reward, 0.0)
    per_step = (weight[:, :, None] * paid).mean(0)
    discount = gamma ** at.to(reward.dtype)
    return OffPolicyReturn(
        value=(discount[:, None] * per_step).sum(0),
        per_step=per_step,
        effective_sample_size=weight.sum(0).square() / weight.square().sum(0),
    )


def start_baseline(trajectories: Trajectories) -> Tensor:
    """Rewards that start and goal of a trajectory let expect, [S, T, R]; zero beyond its length.

    Ridge regression of every step's reward on (1, x, x²), x the standardised first observation and
    goal, each trajectory's by the fit to all others: r - r̂ = (r - r̂_all) / (1 - h), h its leverage
    in the fit to all. A fit that has seen it would take a share h of its own signal away. What
    depends on start and goal alone does not depend on the policy: taken off the rewards, it moves
    the estimate by a constant, but without it a policy raises the self-normalised estimate by
    making the trajectories of difficult goals unlikely.
    """
    steps = trajectories.reward.shape[1]
    x = torch.cat((trajectories.observation[:, 0], trajectories.desired_goal[:, 0]), 1)
    x = (x - x.mean(0)) / (x.std(0, correction=0) + 1e-6)
    x = torch.cat((torch.ones_like(x[:, :1]), x, x.square()), 1)  # [S, F]
    written = torch.arange(steps, device=x.device) < trajectories.length[:, None]
    paid = torch.where(written[:, :, None], trajectories.reward, 0.0)
    ridge = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    influence = x @ torch.linalg.solve(x.T @ x + ridge, x.T)  # [S, S], of every reward on every fit
    leverage = influence.diagonal()
    flat = paid.flatten(1)
    others = flat - (flat - influence @ flat) / (1.0 - leverage)[:, None]
    return torch.where(written[:, :, None], others.view_as(paid), 0.0)
