"""Windows of moving goals: the same segment's desired goals, shifted in time."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.credit.gae import lambda_rewards
from bnpo.types import Evaluator, Trajectories, Transitions

__all__ = ["draw_shift", "shift_goals"]


def draw_shift(
    trajectories: Trajectories,
    segment: Tensor,
    time: Tensor,
    max_shift: int | None,
    evaluator: Evaluator,
) -> Tensor:
    """Draw k uniform over what keeps rows t+k and t+k+1 inside the segment, [B].

    -min(t, max_shift) <= k <= min(L-t-1, max_shift): the law knows t and L, not the actions
    (as long as no action ends an episode early).
    """
    bound = trajectories.action.shape[1] if max_shift is None else max_shift
    back = time.clamp(max=bound)
    ahead = (trajectories.length[segment] - 1 - time).clamp_(max=bound)
    u = torch.rand(time.shape, generator=evaluator.generator, device=time.device)
    return (u * (back + ahead + 1)).long().sub_(back)


def shift_goals(
    trajectories: Trajectories,
    segment: Tensor,
    time: Tensor,
    shift: Tensor,
    steps: int,
    gae_lambda: float,
    evaluator: Evaluator,
) -> Transitions:
    """Transitions under the goals g⁺_t = g_{t+k}, with truncated lambda-returns.

    n = min(steps, L - t - max(k, 0)), so that the goals of the whole return are in the segment.
    r_t = R(achieved_goal_{t+1}, g⁺_{t+1}), Gymnasium's contract of compute_reward; the stored
    reward where k = 0. Inner bootstraps as in :class:`bnpo.credit.GAE`, at (s_{t+i}, g⁺_{t+i}).

    Args:
        trajectories: the stored ones.
        segment: [B], rows of these trajectories.
        time: [B], step within the segment.
        shift: [B], k.
        steps: longest return (environment steps).
        gae_lambda: λ in [0, 1].
        evaluator: values and rewards.

    """
    left = trajectories.length[segment] - time - shift.clamp(min=0)
    n, row = left.clamp(max=steps), segment[:, None]
    ahead = torch.arange(min(steps, trajectories.action.shape[1]), device=time.device)
    at = time[:, None] + torch.minimum(ahead, n[:, None] - 1)  # [B, K], written rows only
    goal = trajectories.desired_goal[row, at + 1 + shift[:, None]]  # [B, K, G]
    achieved = trajectories.achieved_goal[row, at + 1]
    reward = evaluator.reward(achieved.flatten(0, 1), goal.flatten(0, 1))
    reward = reward.reshape(*at.shape, -1)  # [B, K, R]
    reward = torch.where((shift == 0)[:, None, None], trajectories.reward[row, at], reward)
    value = reward  # not read at lambda = 1 nor at n = 1
    if gae_lambda < 1 and steps > 1:
        state = trajectories.observation[row, at + 1].flatten(0, 1)
        value = evaluator.value(state, goal.flatten(0, 1)).reshape(reward.shape)
    reward = lambda_rewards(reward, value, n, evaluator.gamma, gae_lambda)[:, 0]
    transitions = trajectories.n_step(segment, time, n, evaluator.gamma, steps, reward=reward)
    return transitions.replace(
        goal=trajectories.desired_goal[segment, time + shift],
        next_goal=trajectories.desired_goal[segment, time + n + shift],
        discount=transitions.discount * gae_lambda ** (n - 1).to(reward.dtype),
    )
