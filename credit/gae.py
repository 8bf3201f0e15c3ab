"""Lambda-returns, whose advantage over the baseline is GAE."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.config import Fraction, Steps, config
from bnpo.credit.returns import lambda_rewards
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions

__all__ = ["GAE"]


@config
class GAE(CreditScheme):
    """Truncated lambda-returns with n = min(horizon, L - t), L the end of the segment.

    y_t = Σ_{k<n} (γλ)^k r_{t+k} + Σ_{k<n-1} (γλ)^k γ (1-λ) V'_{t+k+1} + γ (γλ)^{n-1} Q'(s_{t+n}),
    so that y_t - V(s_t) is GAE(γ, λ) (Schulman et al. 2016) truncated at the horizon. The inner
    values V' are the target networks' at assignment, under the goal desired at that time; only
    the last bootstrap is live, its coefficient in ``discount``: 0 after a true termination, not
    after a time limit. λ = 1 is the Monte-Carlo end; λ = 0 is one-step TD, all of it live.

    Each segment among the transitions is evaluated once: ask for whole segments where possible.
    """

    gae_lambda: Fraction = 0.95
    """λ, decay of the longer returns."""

    horizon: Steps | None = None
    """Longest return (environment steps); None: to the end of the segment."""

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign lambda-return credit to the transitions at (segment, time), both [B]."""
        gamma = evaluator.gamma
        horizon = 1 if self.gae_lambda == 0 else self.horizon or trajectories.action.shape[1]
        made = trajectories.n_step(segment, time, torch.full_like(time, horizon), gamma)
        if self.gae_lambda in (0, 1):  # no inner bootstrap: the n-step return it is
            return made
        rows, row = torch.unique(segment, return_inverse=True)  # [U], [B]
        observation = trajectories.observation[rows, 1:]  # [U, T, O]
        goal = trajectories.desired_goal[rows, 1:]
        value = evaluator.value(observation.flatten(0, 1), goal.flatten(0, 1))
        reward = lambda_rewards(
            trajectories.reward[rows],
            value.reshape(*observation.shape[:2], -1),
            trajectories.length[rows],
            gamma,
            self.gae_lambda,
            horizon,
        )
        decay = self.gae_lambda ** (made.steps - 1).to(made.discount.dtype)
        return made.replace(reward=reward[row, time], discount=made.discount * decay)
