"""Importance ratios of the actions inside an n-step return."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.types import Evaluator, Trajectories, Transitions

__all__ = ["with_later_ratios"]


def with_later_ratios(
    transitions: Transitions,
    trajectories: Trajectories,
    segment: Tensor,
    time: Tensor,
    evaluator: Evaluator,
) -> Transitions:
    """Fill ``log_ratio_rest``, the log importance ratio of the actions after the first.

    Σ_{0<k<n} log π(a_{t+k}|s_{t+k}, g_{t+k}) - log π_b(a_{t+k}|s_{t+k}, g_{t+k})  (Precup et al.
    2000, per-decision importance sampling; with the first action's ratio the product over n steps).

    It holds for the goals the actor was shown, so for every return under these goals and, as
    an empty sum, for relabelled transitions with n = 1; for goals exchanged over n > 1 steps it
    does not. Where n = 1 everywhere the evaluator is not asked.

    Args:
        transitions: of the same trajectories at (segment, time); their ``steps`` are n.
        trajectories: the stored ones.
        segment: [B], rows of these trajectories.
        time: [B], step within the segment.
        evaluator: gives log π.

    """
    if segment.shape != transitions.steps.shape or time.shape != segment.shape:
        raise ValueError(
            f"with_later_ratios: segment has shape {list(segment.shape)} and time "
            f"{list(time.shape)}: allowed is [B] = {list(transitions.steps.shape)}"
        )
    steps = transitions.steps[:, None]  # [B, 1]
    longest = int(steps.max()) if steps.numel() else 1
    if longest == 1:
        return transitions.replace(log_ratio_rest=torch.zeros_like(transitions.discount))
    ahead = torch.arange(1, longest, device=time.device)  # [K]
    row, at = segment[:, None], time[:, None] + torch.minimum(ahead, steps - 1)  # [B, K]
    log_prob = evaluator.log_prob(
        trajectories.observation[row, at].flatten(0, 1),
        trajectories.desired_goal[row, at].flatten(0, 1),
        trajectories.action[row, at].flatten(0, 1),
    )
    log_ratio = log_prob.reshape(at.shape) - trajectories.log_prob[row, at]
    return transitions.replace(log_ratio_rest=torch.where(ahead < steps, log_ratio, 0.0).sum(1))
