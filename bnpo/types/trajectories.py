"""Trajectories as they happened, and the n-step transitions gathered from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bnpo.types.batch import Batch
from bnpo.types.rows import Rows
from bnpo.types.transitions import Transitions

__all__ = ["Trajectories"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trajectories(Batch):
    """Segments as they happened; row t of what is T + 1 long precedes action t.

    Rows at and beyond ``length`` (beyond it by one for observations and goals) were not written.
    """

    observation: Tensor
    """[S, T+1, O]"""

    achieved_goal: Tensor
    """[S, T+1, G]"""

    desired_goal: Tensor
    """[S, T+1, G], what the actor was shown"""

    action: Tensor
    """[S, T, A], as drawn: not clipped to the Box"""

    mu: Tensor
    """[S, T, A], mean of the behaviour distribution"""

    sigma: Tensor
    """[S, T, A], scale of the behaviour distribution"""

    log_prob: Tensor
    """[S, T], density that generated the action, summed over action dimensions"""

    reward: Tensor
    """[S, T, R]"""

    length: Tensor
    """[S], steps that were taken"""

    terminated: Tensor
    """[S], whether the last step ended the episode in a terminal state"""

    truncated: Tensor
    """[S], whether the last step ended the episode by its time limit"""

    def __len__(self) -> int:
        """Return the number of segments."""
        return self.length.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the columns lie."""
        return self.length.device

    def n_step(
        self, segment: Tensor, time: Tensor, steps: Tensor, gamma: float, most: int | None = None
    ) -> Transitions:
        """Gather n-step transitions, cut at the end of their segment.

        reward = sum_{k<n} gamma^k r_{t+k};  discount = gamma^n, or 0 after a termination.
        With n > 1 on old data the return is not corrected for the policy's change.

        Args:
            segment: [B], rows of these trajectories.
            time: [B], step within the segment.
            steps: [B], n >= 1, cut to what is left of the segment.
            gamma: discount factor per step.
            most: n is known not to be larger; 1 spares a look at the steps, and on a device the
                wait for it.

        """
        length = self.length.index_select(0, segment)
        steps = torch.ones_like(time) if most == 1 else torch.minimum(steps, length - time)
        here, there = Rows(segment, time), Rows(segment, time + steps)
        observation, goal, action, mu, sigma, log_prob, reward = here.of_all(
            self.observation,
            self.desired_goal,
            self.action,
            self.mu,
            self.sigma,
            self.log_prob,
            self.reward,
        )
        next_observation, next_goal = there.of_all(self.observation, self.desired_goal)
        # few, where most goals are relabelled
        longer = segment[:0] if most == 1 else (steps > 1).nonzero()[:, 0]
        if len(longer):
            rows, first, n = (column.index_select(0, longer) for column in (segment, time, steps))
            reward.index_add_(0, longer, self._later_reward(rows, first, n, gamma))
        ended = self.terminated.index_select(0, segment) & (there.time == length)
        if most == 1:
            discount = torch.full_like(time, gamma, dtype=reward.dtype).masked_fill_(ended, 0.0)
        else:
            discount = torch.where(ended, 0.0, torch.pow(gamma, steps.to(reward.dtype)))
        return Transitions(
            observation=observation,
            goal=goal,
            action=action,
            mu=mu,
            sigma=sigma,
            behaviour_log_prob=log_prob,
            proximal_log_prob=log_prob.clone(),
            reward=reward,
            discount=discount,
            next_observation=next_observation,
            next_goal=next_goal,
            weight=torch.ones_like(discount),
            relabelled=torch.zeros_like(ended),
            steps=steps,
            log_ratio_rest=torch.zeros_like(discount),
        )

    def _later_reward(self, segment: Tensor, time: Tensor, steps: Tensor, gamma: float) -> Tensor:
        """Sum of gamma^k r_{t+k} over 0 < k < n of transitions [B], [B, R]."""
        ahead = torch.arange(1, int(steps.max()), device=self.device)  # [n-1]
        last = (steps - 1)[:, None]
        at = torch.minimum(ahead, last).add_(time[:, None])  # [B, n-1], written rows only
        weight = torch.where(ahead <= last, torch.pow(gamma, ahead.to(self.reward.dtype)), 0.0)
        later = Rows(segment[:, None].expand_as(at).reshape(-1), at.view(-1)).of(self.reward)
        return torch.bmm(weight[:, None], later.view(*at.shape, -1))[:, 0]
