"""Lambda-returns, whose advantage over the baseline is GAE."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from bnpo.config import Fraction, Positive, Steps, config
from bnpo.credit.vtrace import corrected_rewards
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions, log_ratios

__all__ = ["GAE", "lambda_rewards"]


@config
class GAE(CreditScheme):
    """Truncated lambda-returns with n = min(horizon, L - t), L the end of the segment.

    y_t = Σ_{k<n} (γλ)^k r_{t+k} + Σ_{k<n-1} (γλ)^k γ (1-λ) V'_{t+k+1} + γ (γλ)^{n-1} Q'(s_{t+n}),
    so that y_t - V(s_t) is GAE(γ, λ) (Schulman et al. 2016) truncated at the horizon. The inner
    values V' are the target networks' at assignment, under the goal desired at that time; only
    the last bootstrap is live, its coefficient in ``discount``: 0 after a true termination, not
    after a time limit. λ = 1 is the Monte-Carlo end; λ = 0 is one-step TD, all of it live.

    With ``rho_max`` the steps after the first are those of the learning policy, by importance
    ratios to the recorded densities (:mod:`bnpo.credit.vtrace`).

    Each segment among the transitions is evaluated once: ask for whole segments where possible.
    """

    gae_lambda: Fraction = 0.95
    """Decay λ of the longer returns."""

    horizon: Steps | None = None
    """Longest return (environment steps); None: to the end of the segment."""

    rho_max: Positive | None = None
    """V-trace (Espeholt et al. 2018): bound ρ̄ on the importance ratio with which a TD error after
    the first action counts, for segments of other policies; None: returns of those that acted."""

    trace_max: Positive = 1.0
    """V-trace: bound c̄ on the ratio with which later TD errors are passed on."""

    def corrected(self) -> CreditScheme:
        """Return the scheme with V-trace, at ρ̄ = 1 unless it has a bound of its own."""
        return dataclasses.replace(self, rho_max=1.0) if self.rho_max is None else self

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign lambda-return credit to the transitions at (segment, time), both [B]."""
        gamma = evaluator.gamma
        horizon = 1 if self.gae_lambda == 0 else self.horizon or trajectories.action.shape[1]
        steps = torch.full_like(time, horizon)
        corrects = self.rho_max is not None and horizon > 1
        if self.gae_lambda in (0, 1) and not corrects:  # the n-step return, without inner bootstrap
            return trajectories.n_step(segment, time, steps, gamma)
        rows, row = torch.unique(segment, return_inverse=True)  # [U], [B]
        observation = trajectories.observation[rows, 1:]  # [U, T, O]
        goal = trajectories.desired_goal[rows, 1:]
        value = evaluator.value(observation.flatten(0, 1), goal.flatten(0, 1))
        value = value.reshape(*observation.shape[:2], -1)
        paid, length = trajectories.reward[rows], trajectories.length[rows]
        if corrects:
            assert self.rho_max is not None
            reward, live = corrected_rewards(
                paid,
                value,
                log_ratios(trajectories[rows], evaluator),
                length,
                gamma,
                self.gae_lambda,
                rho_max=self.rho_max,
                trace_max=self.trace_max,
                horizon=horizon,
            )
        else:
            reward = lambda_rewards(paid, value, length, gamma, self.gae_lambda, horizon)
        transitions = trajectories.n_step(segment, time, steps, gamma, reward=reward[row, time])
        if corrects:
            live = torch.where(transitions.discount > 0, live[row, time], 0.0)
            return transitions.replace(discount=live)
        decay = self.gae_lambda ** (transitions.steps - 1).to(reward.dtype)
        return transitions.replace(discount=transitions.discount * decay)


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
    Adding γ (γλ)^{n-1} V(s_{t+n}) makes it the lambda-return. Rows at and beyond the length may
    hold anything, NaN included: they are never added.

    Args:
        reward: [S, T, R], of S segments.
        next_value: [S, T, R], V(s_{t+1}) in row t.
        length: [S], steps taken, L.
        gamma: discount factor per step.
        gae_lambda: λ in [0, 1].
        horizon: longest return in steps; None: to the end of the segment.

    Returns:
        [S, T, R]; meaningless at and beyond the length.

    """
    if reward.dim() != 3 or length.shape != reward.shape[:1]:
        raise ValueError(
            f"lambda_rewards: reward has shape {list(reward.shape)} and length "
            f"{list(length.shape)}: allowed is [S, T, R] and [S]"
        )
    if next_value.shape != reward.shape:
        raise ValueError(
            f"lambda_rewards: next_value has shape {list(next_value.shape)}: "
            f"allowed is that of reward, {list(reward.shape)}"
        )
    width = horizon or reward.shape[1]
    total = _band_sum(reward, length, gamma * gae_lambda, width)
    if gae_lambda == 1:  # no inner bootstrap
        return total
    inner = _band_sum(next_value, length - 1, gamma * gae_lambda, width - 1)
    return total + gamma * (1 - gae_lambda) * inner


def _band_sum(x: Tensor, length: Tensor, decay: float, width: int) -> Tensor:
    """Return the sum Σ_{k<width, t+k<length} decay^k x_{t+k} for every t, [S, T, R].

    The sum is the product with a banded matrix [T, T] of discounts, so nothing is divided by a
    vanishing power of the discount.
    """
    at = torch.arange(x.shape[1], device=x.device)
    ahead = at - at[:, None]  # [T, T], column minus row
    band = torch.where((ahead >= 0) & (ahead < width), decay ** ahead.clamp(min=0).to(x.dtype), 0.0)
    written = (at < length[:, None])[:, :, None]  # [S, T, 1]
    return torch.matmul(band, torch.where(written, x, 0.0))
