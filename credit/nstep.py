"""n-step returns, with n fixed or drawn anew for every transition."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.config import Steps, config
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions

__all__ = ["FloatingNStep", "NStep"]


@config
class NStep(CreditScheme):
    """Credit by n-step returns, cut at the end of the segment.

    y_t = Σ_{k<n} γ^k r_{t+k} + γ^n Q'(s_{t+n}), the last term only where the segment did not end
    in a terminal state. With n > 1 on old data the return is not corrected for the change of the
    policy (see :mod:`bnpo.credit.kstep`).
    """

    steps: Steps = 1
    """Length n of the return (environment steps)."""

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign n-step credit to the transitions at (segment, time), both [B]."""
        steps = torch.full_like(time, self.steps)
        return trajectories.n_step(segment, time, steps, evaluator.gamma, self.steps)


@config
class FloatingNStep(CreditScheme):
    """Credit by floating n-step returns: n ~ U{1..steps} anew for each transition each time.

    What is left of the segment cuts n, so the last transitions have shorter returns.
    With n > 1 on old data the return is not corrected for the change of the policy.
    """

    steps: Steps = 3
    """Longest return that is drawn (environment steps)."""

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign floating n-step credit to the transitions at (segment, time), both [B]."""
        steps = torch.randint(
            1, self.steps + 1, time.shape, generator=evaluator.generator, device=time.device
        )
        return trajectories.n_step(segment, time, steps, evaluator.gamma, self.steps)
