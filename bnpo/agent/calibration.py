"""Calibration of a critic: its values against the returns of fresh rollouts."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.brains import LearningStep
from bnpo.replay import SegmentTable
from bnpo.types import Trajectories

__all__ = ["calibration", "fresh_segments"]

SEGMENTS = 64
"""Number of newest segments whose returns are compared with values."""


def fresh_segments(table: SegmentTable) -> Trajectories | None:
    """Return the newest segments that the policy itself acted, [K]; None if there is none."""
    rows = table.newest(SEGMENTS)
    rows = rows[table.on_policy[rows]]
    return table.trajectories[rows] if len(rows) else None


@torch.no_grad()
def calibration(step: LearningStep, segments: Trajectories, gamma: float) -> dict[str, Tensor]:
    """Compare a brain's values with discounted returns-to-go, all steps of the segments together.

    Values are those that the brain works with: of a likelihood-ratio brain its baseline
    Q(s, g, μ_b, σ_b), of a pathwise one Q where it climbs. A return that the end of a segment cuts
    off goes on with the value there. Explained variance is 1 - Var[R - V] / Var[R].

    Args:
        step: the brain's learning step
        segments: [K]
        gamma: discount factor per environment step

    Returns:
        Scalars ``value_error`` (mean of V - R), ``value_spread`` (its standard deviation),
        ``return_spread`` (that of R) and ``explained_variance``.

    """
    networks, steps = step.networks, segments.action.shape[1]
    features = networks.encoder(
        segments.observation.flatten(0, 1), segments.desired_goal.flatten(0, 1)
    )
    mu, sigma = networks.actor(features)
    climbed = networks.critic.value(features, mu, step.critic_scale(sigma)).sum(-1)
    climbed = climbed.view(-1, steps + 1)
    at = torch.arange(steps, device=climbed.device)
    written = at < segments.length[:, None]
    last = climbed.gather(1, segments.length[:, None])[:, 0]
    after = torch.where(segments.terminated, 0.0, last)
    reward = torch.where(written, segments.reward.nan_to_num().sum(-1), 0.0)
    returns = torch.zeros_like(reward)
    for t in range(steps - 1, -1, -1):
        after = torch.where(written[:, t], reward[:, t] + gamma * after, after)
        returns[:, t] = after
    values = climbed[:, :-1]
    if not step.rule.pathwise:
        before = networks.encoder(
            segments.observation[:, :-1].flatten(0, 1), segments.desired_goal[:, :-1].flatten(0, 1)
        )
        acted = (segments.mu.flatten(0, 1), segments.sigma.flatten(0, 1))
        values = networks.critic.value(before, *acted).sum(-1).view_as(returns)
    error, actual = (values - returns)[written], returns[written]
    spread = actual.std(correction=0)
    return {
        "value_error": error.mean(),
        "value_spread": error.std(correction=0),
        "return_spread": spread,
        "explained_variance": 1 - error.var(correction=0) / spread.square().clamp_min(1e-12),
    }
