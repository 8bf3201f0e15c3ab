"""Trajectories as they happened, and the n-step transitions gathered from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bnpo.types.batch import Batch
from bnpo.types.rows import Columns, Rows
from bnpo.types.transitions import Transitions

__all__ = ["Trajectories"]


class _Gathered(Batch):
    """A batch that keeps how its columns lie, beside them."""

    __slots__ = ("_together",)
    _together: tuple[Columns, Columns]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trajectories(_Gathered):
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

    def _columns(self) -> tuple[Columns, Columns]:
        """What is gathered together where a transition begins, and where it leads."""
        if not hasattr(self, "_together"):
            happened = (self.action, self.mu, self.sigma, self.log_prob, self.reward)
            before = Columns(self.observation, self.desired_goal, *happened)
            after = Columns(self.observation, self.achieved_goal, self.desired_goal)
            object.__setattr__(self, "_together", (before, after))
        return self._together

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
            most: n is known not to be larger, which spares a look at the steps, and on a device
                the wait for it.

        """
        return self.n_step_outcome(segment, time, steps, gamma, most)[0]

    def n_step_outcome(
        self, segment: Tensor, time: Tensor, steps: Tensor, gamma: float, most: int | None = None
    ) -> tuple[Transitions, Tensor]:
        """:meth:`n_step`, and the goals that were achieved n steps later, [B, G]."""
        length = self.length.index_select(0, segment)
        steps = torch.ones_like(time) if most == 1 else torch.minimum(steps, length - time)
        here, there = Rows(segment, time), Rows(segment, time + steps)
        before, after = self._columns()
        observation, goal, action, mu, sigma, log_prob, reward = before.at(here)
        next_observation, outcome, next_goal = after.at(there)
        ended = self.terminated.index_select(0, segment) & (there.time == length)
        if most == 1:
            discount = torch.full_like(time, gamma, dtype=reward.dtype)
        else:
            discount = torch.pow(gamma, steps.to(reward.dtype))
            if steps.device.type == "cpu":
                longer = (steps > 1).nonzero().squeeze(1)  # few, where most goals are relabelled
            else:  # all: nobody waits for a device to count them
                longer = torch.arange(len(steps), device=steps.device)
            if len(longer):
                most = int(steps.max()) if most is None else min(most, self.action.shape[1])
                later = self._later_reward(here, steps, longer, gamma, most)
                reward.index_add_(0, longer, later)
        discount.masked_fill_(ended, 0.0)
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
        ), outcome

    def _later_reward(
        self, here: Rows, steps: Tensor, longer: Tensor, gamma: float, most: int
    ) -> Tensor:
        """Sum of gamma^k r_{t+k} over 0 < k < n of those [L] of the transitions here, [L, R].

        Args:
            here: [B], rows of the transitions.
            steps: [B], n.
            longer: [L], which of them have n > 1.
            gamma: discount factor per step.
            most: largest n.

        """
        ahead = torch.arange(1, most, device=self.device)  # [K]
        power = torch.pow(gamma, ahead.to(self.reward.dtype))
        n, segment, time = (
            column.index_select(0, longer).unsqueeze(1)
            for column in (steps, here.segment, here.time)
        )
        written = torch.minimum(ahead, n - 1).add_(time)  # [L, K], nothing after n is read
        later = Rows(segment, written).of(self.reward)
        return torch.bmm((power * (ahead < n)).unsqueeze(1), later).squeeze(1)
