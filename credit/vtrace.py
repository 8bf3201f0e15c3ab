"""Lambda-returns of a policy from what another one did: V-trace's truncated importance ratios."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["corrected_rewards"]


def corrected_rewards(
    reward: Tensor,
    next_value: Tensor,
    log_ratio: Tensor,
    length: Tensor,
    gamma: float,
    gae_lambda: float,
    *,
    rho_max: float,
    trace_max: float,
    horizon: int,
) -> tuple[Tensor, Tensor]:
    """Truncated lambda-return of the learning policy without its last bootstrap (IMPALA).

    y_t = r_t + γ V_{t+1} + Σ_{0<k<n} (γλ)^k c_{t+1} ... c_{t+k-1} ρ_{t+k} δ_{t+k},
    δ_t = r_t + γ V_{t+1} - V_t,  ρ_t = min(ρ̄, π/π_b),  c_t = min(c̄, π/π_b), n = min(horizon, L-t).

    The first action keeps the weight 1: y is regressed at the distribution that drew it, and a
    likelihood-ratio rule weighs it itself. Where all ratios are 1 it is the lambda-return of
    :func:`bnpo.credit.gae.lambda_rewards`. Espeholt et al. 2018; λ as in their remark 2.

    Args:
        reward: [S, T, R], of S segments
        next_value: [S, T, R], V(s_{t+1}) in row t
        log_ratio: [S, T], log π(a_t|s_t, g_t) - log π_b, 0 at and beyond the length
        length: [S], steps taken, L
        gamma: discount factor per step
        gae_lambda: λ in [0, 1]
        rho_max: ρ̄, bound on the weight of each TD error
        trace_max: c̄, bound on the weight that goes on to later ones
        horizon: longest return (environment steps)

    Returns:
        y without its last bootstrap [S, T, R], and the coefficient of V_{t+n} in y [S, T].

    """
    at = torch.arange(reward.shape[1], device=reward.device)
    written = (at < length[:, None])[:, :, None]
    reward, next_value = (torch.where(written, x, 0.0) for x in (reward, next_value))
    value = torch.cat((torch.zeros_like(next_value[:, :1]), next_value[:, :-1]), 1)
    until = log_ratio.clamp(max=math.log(trace_max)).cumsum(1)  # Σ_{i<=t} log c_i
    before = torch.cat((torch.zeros_like(until[:, :1]), until[:, :-1]), 1)
    chain = before[:, None, :] - until[:, :, None]  # log c_{t+1} ... c_{k-1}, [S, t, k]
    rho = log_ratio.clamp(max=math.log(rho_max)).exp()
    ahead = at - at[:, None]  # [t, k]
    decay = (gamma * gae_lambda) ** ahead.clamp(min=0).to(reward.dtype)
    steps = (length[:, None] - at).clamp(max=horizon)[:, :, None]  # n, [S, t, 1]
    later = torch.where((ahead > 0) & (ahead < steps), decay * chain.exp() * rho[:, None, :], 0.0)
    weight = later + torch.eye(len(at), dtype=reward.dtype, device=reward.device)
    last = ahead == steps - 1
    inner = torch.where(last, 0.0, weight)
    y = weight @ reward + gamma * (inner @ next_value) - later @ value
    return y, gamma * torch.where(last, weight, 0.0).sum(2)
