"""Objectives of the actor and targets of the critic: pure functions, one value per sample."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["clip_fraction", "clipped_surrogate", "td_target"]


def td_target(
    reward: Tensor, discount: Tensor, next_q: Tensor, bounds: tuple[float, float] | None
) -> Tensor:
    """TD target y = r + discount · Q'(s', g', π'(s', g')), [B, R].

    Args:
        reward: [B, R], n-step
        discount: [B], of the bootstrap; 0 after a termination
        next_q: [B, R]
        bounds: known bounds of the return; y is clipped to them

    """
    y = torch.addcmul(reward, discount[:, None], next_q)
    return y if bounds is None else y.clamp_(*bounds)


def clipped_surrogate(log_ratio: Tensor, advantage: Tensor, eps: float) -> Tensor:
    """PPO's objective min(ρ A, clip(ρ, 1-ε, 1+ε) A), [B] (Schulman et al. 2017, equation 7).

    Args:
        log_ratio: [B], log ρ
        advantage: [B], without gradient
        eps: ε

    """
    ratio = log_ratio.exp()
    return torch.minimum(ratio * advantage, ratio.clamp(1 - eps, 1 + eps) * advantage)


def clip_fraction(log_ratio: Tensor, eps: float) -> Tensor:
    """Share of samples whose ratio lies outside [1-ε, 1+ε], a scalar."""
    return ((log_ratio.detach().exp() - 1).abs() > eps).to(log_ratio.dtype).mean()
