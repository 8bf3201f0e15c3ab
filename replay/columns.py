"""The columns of a table of segments: views of one array, so that a step lies together."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.types import TaskSpec, Trajectories

__all__ = ["columns_of", "widths_of"]


def widths_of(spec: TaskSpec) -> tuple[list[int], list[int]]:
    """Return the widths of what lies before an action and of what comes with it.

    Before it: observation, achieved and desired goal; with it: action, mu, sigma, log-probability,
    reward and what is kept of info.
    """
    before = [spec.observation_dim, spec.goal_dim, spec.goal_dim]
    return before, [spec.action_dim] * 3 + [1, spec.reward_dim, spec.info_dim]


def columns_of(storage: Tensor, spec: TaskSpec) -> Trajectories:
    """Return views of an array [S, T+1, D] as trajectories, all of length 0."""
    before, during = widths_of(spec)
    observation, achieved, desired, *rest = storage.split_with_sizes([*before, *during], dim=-1)
    action, mu, sigma, log_prob, reward, info = (column[:, :-1] for column in rest)
    length = torch.zeros(len(storage), device=storage.device, dtype=torch.int64)
    return Trajectories(
        observation=observation,
        achieved_goal=achieved,
        desired_goal=desired,
        action=action,
        mu=mu,
        sigma=sigma,
        log_prob=log_prob[..., 0],
        reward=reward,
        info=info,
        length=length,
        terminated=torch.zeros_like(length, dtype=torch.bool),
        truncated=torch.zeros_like(length, dtype=torch.bool),
    )
