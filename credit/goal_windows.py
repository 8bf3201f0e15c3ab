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

    n = min(steps, L - t - max(k, 0)), so that the goals of the whole return are in the segment,
    and less where a shifted goal ends the episode by the task: without a bootstrap where reaching
    it is terminal, with one where it truncates. An end that the own goal explains is none under a
    shifted one.
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
    n, row, moved = left.clamp(max=steps), segment[:, None], shift != 0
    ahead = torch.arange(min(steps, trajectories.action.shape[1]), device=time.device)
    at = time[:, None] + torch.minimum(ahead, n[:, None] - 1)  # [B, K], written rows only
    goal = trajectories.desired_goal[row, at + 1 + shift[:, None]]  # [B, K, G]
    achieved = trajectories.achieved_goal[row, at + 1]
    asked = (achieved, goal, *trajectories.info_at(row.expand_as(at), at))
    asked = tuple(part.flatten(0, 1) for part in asked)
    reward = evaluator.reward(*asked).reshape(*at.shape, -1)  # [B, K, R]
    reward = torch.where(moved[:, None, None], reward, trajectories.reward[row, at])
    terminal, cut = (
        flags.reshape(at.shape) & moved[:, None]
        for flags in (evaluator.terminated(*asked), evaluator.truncated(*asked))
    )
    over = (terminal | cut) & (ahead < n[:, None])
    n = torch.where(over.any(1), over.to(torch.uint8).argmax(1) + 1, n)
    value = reward  # not read at lambda = 1 nor at n = 1
    if gae_lambda < 1 and steps > 1:
        state = trajectories.observation[row, at + 1].flatten(0, 1)
        value = evaluator.value(state, goal.flatten(0, 1)).reshape(reward.shape)
    reward = lambda_rewards(reward, value, n, evaluator.gamma, gae_lambda)[:, 0]
    transitions = trajectories.n_step(segment, time, n, evaluator.gamma, steps, reward=reward)
    discount = transitions.discount.masked_fill(terminal.gather(1, n[:, None] - 1)[:, 0], 0.0)
    ended = (moved & (transitions.discount == 0)).nonzero()[:, 0]
    if len(ended):  # by their own goals: the shifted ones may not end there
        last = (segment[ended], time[ended] + n[ended])
        own = [trajectories.achieved_goal[last], trajectories.desired_goal[last]]
        own += trajectories.info_at(last[0], last[1] - 1)
        goes_on = evaluator.terminated(*own) & ~terminal[ended, n[ended] - 1]
        power = torch.pow(evaluator.gamma, n[ended].to(discount.dtype))
        discount = discount.index_put((ended[goes_on],), power[goes_on])
    return transitions.replace(
        goal=trajectories.desired_goal[segment, time + shift],
        next_goal=trajectories.desired_goal[segment, time + n + shift],
        discount=discount * gae_lambda ** (n - 1).to(discount.dtype),
    )
