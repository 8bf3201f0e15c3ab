"""Where the critic is regressed: one rule for every brain, in one place.

The critic does not see the action, so how a sample was chosen decides at which distribution its
outcome is evidence of Q.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from bnpo.networks import Actor
from bnpo.types import Transitions

__all__ = ["Point", "regression_point"]

Point = Literal["auto", "point", "behaviour", "learning", "interpolate"]
"""Names of the regression points."""


def regression_point(
    at: Point,
    batch: Transitions,
    features: Tensor,
    actor: Actor,
    *,
    resampled: bool,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Mean and scale at which Q is regressed to y, both [B, A], without gradient.

    * ``point``: the point mass (a, 0). True of any sample, whatever it was chosen for:
      Q(s, g, a, 0) = E[return | s, g, a].
    * ``behaviour``: (mu_b, sigma_b). The definition of Q for a sample that is fresh or replayed as
      it happened; biased upward for hindsight goals, wrong for resampled ones.
    * ``learning``: the (mu, sigma) of the policy being trained, for samples redrawn by importance
      so that they look drawn from it.
    * ``interpolate``: (w mu_b + (1-w) a, w sigma_b), w ~ U[0, 1] (interpolated critic learning,
      He, Mahmood and White 2026); exact at w = 0 and 1, a heuristic between.
    * ``auto``: the point mass where the goal was relabelled; elsewhere ``learning`` for resampled
      samples and ``behaviour`` for the rest.

    Args:
        at: one of the above
        batch: B transitions
        features: [B, F], of their observations and goals
        actor: the policy being trained, which also knows the action Box
        resampled: whether the batch was drawn by importance resampling
        generator: source of w

    """
    action = actor.clip(batch.action)
    if at == "point":
        return action, torch.zeros_like(action)
    mu, sigma = batch.mu, batch.sigma
    if at == "learning" or (at == "auto" and resampled):
        with torch.no_grad():
            mu, sigma = actor(features)
    elif at == "interpolate":
        w = torch.rand(len(batch), 1, device=action.device, dtype=action.dtype, generator=generator)
        mu, sigma = torch.lerp(action, mu, w), w * sigma
    if at != "auto":
        return mu, sigma
    hindsight = batch.relabelled[:, None]
    return torch.where(hindsight, action, mu), torch.where(hindsight, 0.0, sigma)
