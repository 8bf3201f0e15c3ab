"""Returns of trajectories as pure functions: arrays in, arrays out.

Letters of shapes: S segments, T steps, R reward dimensions. Rows at and beyond ``length`` may
hold anything, NaN included: they are never added. A sum over time is the product with a banded
matrix [T, T] of discounts, so nothing is divided by a vanishing power of the discount.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["discounted_to_go", "full_return", "gae", "k_step", "lambda_returns", "lambda_rewards"]


def _check(reward: Tensor, length: Tensor, next_value: Tensor | None = None) -> None:
    if reward.dim() != 3 or length.shape != reward.shape[:1]:
        raise ValueError(
            f"returns: reward has shape {list(reward.shape)} and length {list(length.shape)}: "
            "allowed is [S, T, R] and [S]"
        )
    if next_value is not None and next_value.shape != reward.shape:
        raise ValueError(
            f"returns: next_value has shape {list(next_value.shape)}: "
            f"allowed is that of reward, {list(reward.shape)}"
        )


def _band_sum(x: Tensor, length: Tensor, decay: float, width: int) -> Tensor:
    """Σ_{k<width, t+k<length} decay^k x_{t+k} for every t, [S, T, R]."""
    at = torch.arange(x.shape[1], device=x.device)
    ahead = at - at[:, None]  # [T, T], column minus row
    band = torch.where((ahead >= 0) & (ahead < width), decay ** ahead.clamp(min=0).to(x.dtype), 0.0)
    written = (at < length[:, None])[:, :, None]  # [S, T, 1]
    return torch.matmul(band, torch.where(written, x, 0.0))


def _last(length: Tensor, steps: int, width: int) -> Tensor:
    """Index of the last step of each truncated return, min(t + width, length) - 1, [S, T]."""
    at = torch.arange(steps, device=length.device)
    return torch.minimum(at + width, length[:, None]).sub_(1).clamp_(min=0)


def discounted_to_go(reward: Tensor, length: Tensor, gamma: float) -> Tensor:
    """Discounted reward-to-go of every step.

    Ĝ_t = Σ_{k=0}^{L-t-1} γ^k r_{t+k}  (policy gradient recap of seed 002; Williams 1992).

    Args:
        reward: [S, T, R].
        length: [S], steps taken, L.
        gamma: discount factor per step.

    Returns:
        [S, T, R], zero at and beyond the length.

    """
    _check(reward, length)
    return _band_sum(reward, length, gamma, reward.shape[1])


def full_return(reward: Tensor, length: Tensor, gamma: float) -> Tensor:
    """Discounted return of the whole segment.

    R(τ) = Σ_{k=0}^{L-1} γ^k r_k.

    Args:
        reward: [S, T, R].
        length: [S], steps taken, L.
        gamma: discount factor per step.

    Returns:
        [S, R].

    """
    _check(reward, length)
    at = torch.arange(reward.shape[1], device=reward.device)
    written = (at < length[:, None])[:, :, None]
    return torch.einsum("t,str->sr", gamma ** at.to(reward.dtype), torch.where(written, reward, 0))


def k_step(reward: Tensor, next_value: Tensor, length: Tensor, gamma: float, steps: int) -> Tensor:
    """Return over k steps with a bootstrap, n = min(k, L - t).

    y_t = Σ_{i<n} γ^i r_{t+i} + γ^n V(s_{t+n})  (Sutton and Barto 2018, chapter 7).

    Args:
        reward: [S, T, R].
        next_value: [S, T, R], V(s_{t+1}) in row t, 0 after a true termination.
        length: [S], steps taken, L.
        gamma: discount factor per step.
        steps: k >= 1.

    Returns:
        [S, T, R]; meaningless at and beyond the length.

    """
    return lambda_returns(reward, next_value, length, gamma, 1.0, steps)


def lambda_rewards(
    reward: Tensor,
    next_value: Tensor,
    length: Tensor,
    gamma: float,
    gae_lambda: float,
    horizon: int | None = None,
) -> Tensor:
    """Truncated lambda-return without its last bootstrap, n = min(horizon, L - t).

    Σ_{k<n} (γλ)^k r_{t+k} + Σ_{k<n-1} (γλ)^k γ (1-λ) V(s_{t+k+1}).
    Adding γ (γλ)^{n-1} V(s_{t+n}) makes it :func:`lambda_returns`.

    Args:
        reward: [S, T, R].
        next_value: [S, T, R], V(s_{t+1}) in row t.
        length: [S], steps taken, L.
        gamma: discount factor per step.
        gae_lambda: λ in [0, 1].
        horizon: longest return in steps; None: to the end of the segment.

    Returns:
        [S, T, R]; meaningless at and beyond the length.

    """
    _check(reward, length, next_value)
    width = horizon or reward.shape[1]
    total = _band_sum(reward, length, gamma * gae_lambda, width)
    if gae_lambda == 1:  # no inner bootstrap
        return total
    inner = _band_sum(next_value, length - 1, gamma * gae_lambda, width - 1)
    return total + gamma * (1 - gae_lambda) * inner


def lambda_returns(
    reward: Tensor,
    next_value: Tensor,
    length: Tensor,
    gamma: float,
    gae_lambda: float,
    horizon: int | None = None,
) -> Tensor:
    """Lambda-return truncated at a horizon, n = min(horizon, L - t).

    G_t = (1-λ) Σ_{k=1}^{n-1} λ^{k-1} G_t^{(k)} + λ^{n-1} G_t^{(n)}, with G^{(k)} the k-step return
    (Sutton and Barto 2018, chapter 12). λ = 0 is one-step TD, λ = 1 Monte Carlo.

    Args:
        reward: [S, T, R].
        next_value: [S, T, R], V(s_{t+1}) in row t, 0 after a true termination.
        length: [S], steps taken, L.
        gamma: discount factor per step.
        gae_lambda: λ in [0, 1].
        horizon: longest return in steps; None: to the end of the segment.

    Returns:
        [S, T, R]; meaningless at and beyond the length.

    """
    part = lambda_rewards(reward, next_value, length, gamma, gae_lambda, horizon)
    steps = reward.shape[1]
    last = _last(length, steps, horizon or steps)  # [S, T]
    ahead = (last - torch.arange(steps, device=last.device)).clamp_(min=0).to(reward.dtype)
    live = next_value.gather(1, last[:, :, None].expand_as(next_value))
    return part + (gamma * (gamma * gae_lambda) ** ahead)[:, :, None] * live


def gae(
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    length: Tensor,
    gamma: float,
    gae_lambda: float,
    horizon: int | None = None,
) -> Tensor:
    """Generalised advantage estimate truncated at a horizon, n = min(horizon, L - t).

    Â_t = Σ_{k<n} (γλ)^k δ_{t+k},  δ_t = r_t + γ V(s_{t+1}) - V(s_t)  (Schulman et al. 2016).
    It equals :func:`lambda_returns` minus V(s_t) where next_value is the value one row later.

    Args:
        reward: [S, T, R].
        value: [S, T, R], V(s_t).
        next_value: [S, T, R], V(s_{t+1}) in row t, 0 after a true termination.
        length: [S], steps taken, L.
        gamma: discount factor per step.
        gae_lambda: λ in [0, 1].
        horizon: longest sum in steps; None: to the end of the segment.

    Returns:
        [S, T, R], zero at and beyond the length.

    """
    _check(reward, length, next_value)
    _check(reward, length, value)
    delta = reward + gamma * next_value - value
    return _band_sum(delta, length, gamma * gae_lambda, horizon or reward.shape[1])
