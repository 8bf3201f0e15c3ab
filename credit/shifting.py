"""Shifting goals: relabelling that a likelihood ratio survives."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from bnpo.config import Fraction, Positive, Steps, config
from bnpo.credit.goal_windows import draw_shift, shift_goals
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions

__all__ = ["ShiftedGoals"]


@config
class ShiftedGoals(CreditScheme):
    """Goals g⁺_t = g_{t+k} of the same segment's moving target, k uniform (seed 003).

    k is drawn without a look at the actions, so ``relabelled`` stays False and (mu_b, sigma_b) is
    where to regress Q. The ratio pi / exp(proximal_log_prob) times ``weight`` is, pi_prox being
    the policy at assignment: sampled, pi(a|s,g⁺) / pi_b(a|s,g), exact, high variance; realigned,
    pi(a|s,g⁺) / pi_prox(a|s,g⁺), taken for pi_b(a|s,g⁺), biased; decoupled (Hilton et al. 2021),
    pi / pi_prox under the weight min(pi_prox(a|s,g⁺) / pi_b(a|s,g), truncate), exact untruncated.
    With n > 1 the later actions, which pursued g, are not corrected for.
    """

    ratio: Literal["decoupled", "sampled", "realigned"] = "decoupled"
    """Importance ratio for the goal that the actor was not shown."""
    fraction: Fraction = 0.5
    """Probability that a transition's goals are shifted."""
    max_shift: Steps | None = None
    """Bound on the shift, both ways (environment steps); None: the segment's."""
    truncate: Positive | None = 2.0
    """Upper bound of the decoupled weight; None: no bound."""
    steps: Steps = 1
    """n, longest return (environment steps); cut where the goal window ends."""
    gae_lambda: Fraction = 1.0
    """Lambda of truncated lambda-returns; 1: n-step returns."""
    needs_goals: ClassVar[bool] = True
    sets_proximal: ClassVar[bool] = True

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign credit under shifted goals to the transitions at (segment, time), both [B]."""
        u = torch.rand(time.shape, generator=evaluator.generator, device=time.device)
        shift = draw_shift(trajectories, segment, time, self.max_shift, evaluator)
        shift = torch.where(u < self.fraction, shift, 0)
        where, steps = (trajectories, segment, time), self.steps
        made = shift_goals(*where, shift, steps, self.gae_lambda, evaluator)
        if self.ratio == "sampled":
            return made  # proximal_log_prob is log pi_b(a|s,g)
        log_prob = evaluator.log_prob(made.observation, made.goal, made.action)
        if self.ratio == "realigned":
            log_prob = torch.where(shift == 0, made.behaviour_log_prob, log_prob)
            return made.replace(proximal_log_prob=log_prob)
        weight = (log_prob - made.behaviour_log_prob).exp_().clamp_(max=self.truncate or torch.inf)
        return made.replace(proximal_log_prob=log_prob, weight=weight)
