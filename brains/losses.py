"""Objectives of the actor and the loss of the critic: pure functions of samples."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "clip_fraction",
    "clipped_surrogate",
    "constant_baseline",
    "effective_sample_size",
    "half_mean_square",
]


def half_mean_square(error: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the loss ½ w δ², summed, averaged over samples, and its derivative w δ / B by δ.

    Args:
        error: δ, [E, B, R]
        weight: w, [B]; None: one for all

    """
    half = 0.5 / error.shape[1]
    if weight is None:
        flat = error.reshape(-1)
        return half * torch.dot(flat, flat), (2 * half) * error
    each = weight[:, None]
    weighted = error * each
    loss = half * torch.dot(error.reshape(-1), weighted.reshape(-1))
    return loss, half * weighted + half * error * each


def clipped_surrogate(log_ratio: Tensor, advantage: Tensor, eps: float) -> Tensor:
    """Return PPO's objective min(ρ A, clip(ρ, 1-ε, 1+ε) A), [B] (Schulman et al. 2017, equation 7).

    Args:
        log_ratio: [B], log ρ
        advantage: [B], without gradient
        eps: ε

    """
    ratio = log_ratio.exp()
    return torch.minimum(ratio * advantage, ratio.clamp(1 - eps, 1 + eps) * advantage)


def clip_fraction(log_ratio: Tensor, eps: float) -> Tensor:
    """Return the share of samples whose ratio lies outside [1-ε, 1+ε], a scalar."""
    return ((log_ratio.detach().exp() - 1).abs() > eps).to(log_ratio.dtype).mean()


@torch.no_grad()
def constant_baseline(phi: Tensor, action: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    """Return the constant baseline of least variance, each sample's from the others, [B].

    b = E[‖∇log π‖² Φ] / E[‖∇log π‖²]  (Greensmith, Bartlett and Baxter 2004), the gradient taken
    with respect to (μ, σ). Leaving a sample out of its own baseline keeps the gradient unbiased.

    Args:
        phi: [B]
        action: [B, A]
        mu: [B, A]
        sigma: [B, A]

    """
    z = (action - mu) / sigma
    score = ((z.square() + (z.square() - 1).square()) / sigma.square()).sum(-1)  # ‖∇log π‖², [B]
    total, weighted = score.sum(), (score * phi).sum()
    return (weighted - score * phi) / (total - score).clamp_min(torch.finfo(phi.dtype).tiny)


def effective_sample_size(log_ratio: Tensor) -> Tensor:
    """Return the effective sample size (Σ ρ)² / Σ ρ² of log ratios [B], []: from 1 to B.

    It is B where all weigh alike, 1 where one rules. Ratios are taken relative to the largest, so
    that none overflows.
    """
    if not log_ratio.numel():
        raise ValueError("effective_sample_size of no samples")
    relative = (log_ratio - log_ratio.max()).exp()
    return relative.sum() ** 2 / (relative**2).sum()
