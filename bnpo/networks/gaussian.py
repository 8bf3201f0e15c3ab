"""The diagonal Normal distribution of actions: densities, entropy, divergence.

Every function sums over the action dimensions: [B, A] in, [B] out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)

__all__ = ["entropy", "kl_divergence", "log_prob"]


def log_prob(action: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    """Return the log density of actions, [B].

    log N(a; μ, σ) = -Σ ½((a - μ)/σ)² + log σ + ½ log 2π

    Args:
        action: [B, A]
        mu: [B, A]
        sigma: [B, A], above zero

    """
    z = (action - mu) / sigma
    return -(0.5 * z * z + sigma.log()).sum(-1) - action.shape[-1] * _HALF_LOG_TWO_PI


def entropy(sigma: Tensor) -> Tensor:
    """Return the differential entropy Σ log σ + ½ log 2πe of scales [B, A], [B]."""
    return (sigma.log() + (_HALF_LOG_TWO_PI + 0.5)).sum(-1)


def kl_divergence(mu_p: Tensor, sigma_p: Tensor, mu_q: Tensor, sigma_q: Tensor) -> Tensor:
    """Return the divergence KL(p || q) of two diagonal Normals, [B].

    KL = Σ log σ_q/σ_p + (σ_p² + (μ_p - μ_q)²) / 2σ_q² - ½

    Args:
        mu_p: [B, A]
        sigma_p: [B, A], a scale, not its logarithm
        mu_q: [B, A]
        sigma_q: [B, A], a scale, not its logarithm

    """
    ratio = (sigma_p / sigma_q).square()
    shift = ((mu_p - mu_q) / sigma_q).square()
    return 0.5 * (ratio + shift - 1.0 - torch.log(ratio)).sum(-1)
