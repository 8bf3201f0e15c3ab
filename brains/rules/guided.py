"""Guided policy search without the networks: options, credit, and the judgement of a policy.

Algorithm 1 of Levine and Koltun (2013), turn by turn: better than the best policy so far, the last
one is kept and w_r falls; worse, w_r rises and the best one is taken up again. Then Φ is climbed.

A policy is judged by what it did since its last turn: trajectories on which neither it nor the best
one was optimised, by a margin of one standard error.

*Differs from the paper*: a trajectory is weighted by the density that generated it, not by the
mixture of all; S_k is drawn anew in each gradient step, and Φ climbed for some Adam steps, not to
its maximum; the first fit is to the guiding distributions, at states around the plans, too, and not
to samples of them; a policy is judged when it has acted, at the beginning of the next turn; no
guiding samples come later; covariances are diagonal. Starts and goals vary within a sample, so
rewards count beyond what these let expect (:func:`bnpo.brains.off_policy.start_baseline`). The best
policy θ* is the brain's target actor; what is evaluated is the online one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from bnpo.brains.off_policy import (
    OffPolicyReturn,
    off_policy_return,
    per_step_weights,
    start_baseline,
)
from bnpo.brains.rule import Rule
from bnpo.types import Evaluator, Trajectories, log_ratios

__all__ = ["Judge", "guided_credit", "review"]

COUNTS = 0.5
"""Smallest effective share of the trajectories on which a verdict may rest."""

Density = Callable[[Tensor, Tensor, Tensor], Tensor]


class Judge(Protocol):
    """What a review asks of the evaluator: densities of the policy and of the best one so far."""

    @property
    def gamma(self) -> float:
        """Discount factor per environment step."""

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of actions under the online actor, [B]."""

    def target_log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of actions under the brain's target actor, [B]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Credit:
    """Credit of every action: the objective's gradient by its log density, times S."""

    value: Tensor
    """[S, T, R], of the estimated return"""

    log_z: Tensor
    """[S, T], of Σ_t log Z_t"""

    estimate: OffPolicyReturn
    """Estimated return of the policy itself"""


def guided_credit(reward: Tensor, log_ratio: Tensor, length: Tensor, gamma: float) -> _Credit:
    """Credit of every action under Φ (Levine and Koltun 2013).

    Φ(θ) = Σ_t [ 1/Z_t Σ_i w_it γ^t r_it + w_r log Z_t ],  w_it = π(τ_{i,1:t}) / q(τ_{i,1:t}),
    S ∂Φ/∂log π(a_ik|s_ik) = Σ_{t>=k} ŵ_it γ^t (r_it - J_t) + w_r Σ_{t>=k} ŵ_it,
    ŵ_it = S w_it / Z_t, J_t = the first term of Φ at t. Both sums are returned.

    Args:
        reward: [S, T, R]
        log_ratio: [S, T], log π_θ(a|s) / q(a|s) of each action, zero beyond the length
        length: [S], steps that were taken
        gamma: discount factor per step

    """
    estimate = off_policy_return(reward, log_ratio, length, gamma)
    at = torch.arange(reward.shape[1], device=reward.device)
    weight = per_step_weights(log_ratio) * (at < length.max())  # [S, T]
    paid = torch.where((at < length[:, None])[:, :, None], reward, 0.0)
    discount = (gamma ** at.to(reward.dtype))[:, None]
    gain = weight[:, :, None] * discount * (paid - estimate.per_step)
    return _Credit(value=_to_go(gain), log_z=_to_go(weight), estimate=estimate)


def _to_go(column: Tensor) -> Tensor:
    """Sum over the steps from each one on, [S, T, ...]."""
    return column.flip(1).cumsum(1).flip(1)


@torch.no_grad()
def review(
    rule: Rule,
    trajectories: Trajectories,
    judge: Judge,
    online: nn.Module,
    best: nn.Module,
    state: Mapping[str, float],
) -> dict[str, float]:
    """Keep the better of two policies (lines 10 to 17 of algorithm 1), if one is clearly better.

    Both are judged by the return that trajectories say they have on which neither was optimised,
    and one is better by more than the standard error of the difference. The best one becomes the
    online one where the rule returns to it. With no verdict both stay and so does the rule, until
    too few of the trajectories count for the best one: then the online one takes its place.

    Args:
        rule: whose turn begins
        trajectories: the sample, of the online policy since its last turn
        judge: densities of both policies
        online: actor of the moment
        best: the best so far, overwritten by a better one
        state: the rule's own numbers

    """
    value, influence, _ = _value(trajectories, judge.log_prob, judge.gamma)
    best_value, best_influence, share = _value(trajectories, judge.target_log_prob, judge.gamma)
    gain, spread = value - best_value, (influence - best_influence).square().mean().sqrt()
    margin = float(spread) / max(len(influence) - 1, 1) ** 0.5
    numbers = {"value": value, "best_value": best_value, "margin": margin}
    if share >= COUNTS and abs(gain) <= margin:
        return numbers
    if share < COUNTS or gain > 0 or rule.return_to_best:
        later = share < COUNTS or gain > 0
        source, copy = (online, best) if later else (best, online)
        for ours, theirs in zip(copy.parameters(), source.parameters(), strict=True):
            ours.copy_(theirs)
    return numbers if share < COUNTS else {**rule.review(gain > 0, state), **numbers}


def _value(
    trajectories: Trajectories, density: Density, gamma: float
) -> tuple[float, Tensor, float]:
    """Estimated return of a policy, each trajectory's influence on it times S, share that counts.

    The standard error of a difference of two such estimates is the spread of that of their
    influences over the square root of S (the delta method).
    """
    asked = cast(Evaluator, SimpleNamespace(log_prob=density))
    log_ratio, expected = log_ratios(trajectories, asked), start_baseline(trajectories)
    length = trajectories.length
    above = guided_credit(trajectories.reward - expected, log_ratio, length, gamma)
    of_starts = off_policy_return(expected, torch.zeros_like(log_ratio), length, gamma)
    value = (above.estimate.value + of_starts.value).sum()
    share = above.estimate.effective_sample_size[: int(length.max())].min() / len(length)
    return float(value), above.value[:, 0].sum(-1), float(share)
