"""Lambda-returns whose rewards carry the entropy of the states to come."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.config import Fraction, Steps, config
from bnpo.credit.gae import GAE, lambda_rewards
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions

__all__ = ["SoftGAE"]


@config
class SoftGAE(CreditScheme):
    """Soft truncated lambda-returns (maximum entropy; Voelcker et al. 2025).

    GAE's y with V' = Q' + h, h = c H(π(·|s', g')), plus Σ_{k<n-1} (γλ)^{k+1} h_{t+k+1}: the
    lambda-return of the rewards r + γ h' and the values Q'. Without an entropy in the brain's TD
    targets h is 0 and this is GAE.
    """

    gae_lambda: Fraction = 0.95
    """Decay λ of the longer returns."""

    horizon: Steps | None = None
    """Longest return (environment steps); None: to the end of the segment."""

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign soft lambda-return credit to the transitions at (segment, time), both [B]."""
        hard = GAE(gae_lambda=self.gae_lambda, horizon=self.horizon)
        transitions = hard.assign(trajectories, segment, time, evaluator)
        decay = evaluator.gamma * self.gae_lambda
        if decay == 0 or self.horizon == 1:
            return transitions
        rows, row = torch.unique(segment, return_inverse=True)  # [U], [B]
        observation = trajectories.observation[rows, 1:]  # [U, T, O]
        goal = trajectories.desired_goal[rows, 1:]
        entropy = evaluator.entropy_bonus(observation.flatten(0, 1), goal.flatten(0, 1))
        paid = decay * entropy.reshape(*observation.shape[:2], 1)
        inner = trajectories.length[rows] - 1  # the last state's is part of the live bootstrap
        most = None if self.horizon is None else self.horizon - 1
        soft = lambda_rewards(paid, torch.zeros_like(paid), inner, decay, 1.0, most)[row, time]
        return transitions.replace(reward=transitions.reward + soft / transitions.reward.shape[1])
