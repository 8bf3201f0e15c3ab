"""Monte-Carlo returns, the weights of the vanilla policy gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.config import config
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions

__all__ = ["FullReturn", "RewardToGo"]


def _to_end(
    trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator, live: bool
) -> Transitions:
    """Return transitions to the end of their segment, with discount 0 unless it is live."""
    length = torch.full_like(time, trajectories.action.shape[1])
    transitions = trajectories.n_step(segment, time, length, evaluator.gamma)
    return (
        transitions
        if live
        else transitions.replace(discount=torch.zeros_like(transitions.discount))
    )


@config
class RewardToGo(CreditScheme):
    """Φ_t = Σ_{k=0}^{L-t-1} γ^k r_{t+k}, the reward still to come (seeds 002 and 004).

    The horizon is finite: the sum ends with the segment, at a terminal state, at a time limit or
    where ``max_steps`` cut the episode, and what would follow counts as nothing.
    """

    bootstrap: bool = False
    """Whether γ^(L-t) Q' stands for what follows a time limit or a cut; never a terminal state."""

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign reward-to-go to the transitions at (segment, time), both [B]."""
        return _to_end(trajectories, segment, time, evaluator, self.bootstrap)


@config
class FullReturn(CreditScheme):
    """Φ = R(τ) = Σ_{k<L} γ^k r_k, one return for every step of the segment (seeds 002 and 004).

    The horizon is finite as in :class:`RewardToGo`.
    """

    bootstrap: bool = False
    """Whether γ^L Q' stands for what follows a time limit or a cut; never a terminal state."""

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign the return of their segment to the transitions at (segment, time), both [B]."""
        start = _to_end(trajectories, segment, torch.zeros_like(time), evaluator, self.bootstrap)
        here = _to_end(trajectories, segment, time, evaluator, self.bootstrap)
        return here.replace(reward=start.reward, discount=start.discount)
