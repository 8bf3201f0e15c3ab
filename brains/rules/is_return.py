"""Climb the off-policy return: a likelihood-ratio rule for old trajectories."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bnpo.brains.entropy import Entropy
from bnpo.brains.off_policy import (
    off_policy_return,
    per_step_weights,
    start_baseline,
)
from bnpo.brains.options import Natural
from bnpo.brains.rule import Info, Rule, Sample
from bnpo.config import NonNegative, config
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions, log_ratios

__all__ = ["ISReturn"]


@config
class ISReturn(Rule, CreditScheme):
    """Gradient of the self-normalised per-step importance-sampled return (Levine and Koltun 2013).

    ∇ Σ_t γ^t J_t + w ∇ Σ_t log Z_t = 1/S Σ_{i,k} ∇log π_θ(a_ik|s_ik) c_ik with
    c_ik = Σ_{t>=k} ŵ_it (γ^t (r_it - J_t) + w), ŵ_it = S π(τ_{i,1:t}) / q(τ_{i,1:t}) / Z_t and J_t
    the estimated mean reward of step t (see :func:`bnpo.brains.off_policy.off_policy_return`).

    The rule assigns its own credit: c, in place of the reward, with the policy of that moment, so
    let it reanalyse (recalc_delay=0, optim_epochs=1). Each segment counts as a trajectory; those
    among the transitions asked for are the sample. The critic is not trained.
    """

    pathwise: ClassVar[bool] = False
    corrects_behaviour: ClassVar[bool | None] = True
    sets_proximal: ClassVar[bool] = True
    """Whether its credit fills ``proximal_log_prob``: yes."""
    value_coefficient = 0.0
    """Factor of the critic's learning rate."""

    log_z: NonNegative = 0.0
    """Weight w of log Z, which holds the policy near the trajectories."""

    by_start: bool = False
    """Count rewards beyond what a trajectory's start and goal let expect, which no action decides
    (see :func:`bnpo.brains.off_policy.start_baseline`)."""

    natural: Natural | None = None
    """Options of a natural-gradient step, whose bound on the KL keeps the weights even; None: an
    Adam step."""

    normalize: bool = True
    """Scale c of a minibatch to unit variance (its mean says how to act, so it stays)."""

    entropy: Entropy = 0.0
    """Weight of the policy's entropy, or an EntropyBonus."""

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign c to the transitions at (segment, time), both [B]."""
        gamma = evaluator.gamma
        transitions = trajectories.n_step(segment, time, torch.ones_like(time), gamma)
        rows, row = torch.unique(segment, return_inverse=True)  # [U], [B]
        sample = trajectories[rows]
        log_ratio = log_ratios(sample, evaluator)
        paid = sample.reward - start_baseline(sample) if self.by_start else sample.reward
        estimate = off_policy_return(paid, log_ratio, sample.length, gamma)
        weight = per_step_weights(log_ratio)  # [U, T]
        at = torch.arange(weight.shape[1], device=weight.device)
        written = (at < sample.length[:, None])[:, :, None]
        gain = torch.where(written, paid, 0.0) - estimate.per_step
        gain = gain * (gamma ** at.to(gain.dtype))[:, None] + self.log_z / gain.shape[-1]
        gain = gain * (weight * (at < sample.length.max()))[:, :, None]
        to_go = gain.flip(1).cumsum(1).flip(1)
        return transitions.replace(
            reward=to_go[row, time], discount=torch.zeros_like(transitions.discount)
        )

    def objective(self, sample: Sample) -> tuple[Tensor, Info]:
        """Return log π_θ c of each sample, [B]."""
        c = sample.batch.reward.sum(-1)
        if self.normalize and len(c) > 1:
            c = c / (c.std() + 1e-6)
        return sample.log_prob() * c, {"credit": c.mean()}
