"""Agent settings that follow from a brain list and a task, where a user gives none."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bnpo.brains import resolve_rule
from bnpo.config import AgentConfig, BrainDescription, NetworkConfig
from bnpo.envs.goal_functions import GoalFunctions
from bnpo.errors import ConfigError
from bnpo.types import TaskSpec

__all__ = ["default_config"]

_LADDER = (0.33, 1.33, 2.0, 3.33)
"""Multiples of sigma with which environments explore for a rule that leaves sigma alone."""

_SEGMENT = 50
"""Longest segment of a list without likelihood-ratio brains (environment steps)."""


def default_config(
    descriptions: Sequence[BrainDescription],
    spec: TaskSpec,
    goal_functions: GoalFunctions | None = None,
) -> AgentConfig:
    """Return settings under which a brain list can learn a task.

    * Segments are as long as the time between two turns of the likelihood-ratio brains, so that
      every rollout is whole; else an episode, 50 steps at most.
    * The discount looks a third of a segment ahead.
    * Returns of a sparse reward (-1 until the goal is reached, then 0) are bounded.
    * Where a pathwise rule that leaves sigma alone leads, environments explore with multiples of
      it, and half of them act as the policy itself if a likelihood-ratio brain learns from these.
      A brain leads if it moves the actor furthest per vector step: Adam's steps are about lr_actor
      long. Where a likelihood-ratio brain leads it learns sigma and from all environments.

    Args:
        descriptions: of the brains
        spec: the task
        goal_functions: the task's reward of goals; None: without goals

    """
    rules = [resolve_rule(description) for description in descriptions]
    rhythms = [
        description.learning_delay
        for description, rule in zip(descriptions, rules, strict=True)
        if not rule.pathwise
    ]
    steps = min([spec.max_episode_steps or _SEGMENT, *(rhythms or [_SEGMENT])])
    gamma = max(0.9, 1.0 - 3.0 / steps)
    paces = [
        (_pace(description), rule.pathwise and description.mean_only)
        for description, rule in zip(descriptions, rules, strict=True)
    ]
    explores = max(paces, default=(0.0, False))[1]
    climbs = any(rule.pathwise for rule in rules)  # whose slope of Q has to be right
    sparse = goal_functions is not None and _is_sparse(goal_functions, spec.goal_dim)
    return AgentConfig(
        gamma=gamma,
        max_steps=steps,
        target_bounds=(-1.0 / (1.0 - gamma), 0.0) if sparse else None,
        exploration=_LADDER if explores else (1.0,),
        on_policy_share=0.5 if explores and rhythms else 0.0,
        warmup_steps=16 * steps if explores else 0,
        lr_critic=5e-3 if climbs else 1e-3,
        networks=NetworkConfig(
            critics=2 if climbs else 1,
            reduce="mean" if climbs else "min",
            sigma="fixed" if explores and not rhythms else "global",
            sigma_init=0.3 if explores else 0.5,
            input_gain=3.0 if climbs else 1.0,
        ),
    )


def _pace(description: BrainDescription) -> float:
    """How far a brain moves the actor per vector step, if each of its steps is lr_actor long."""
    steps = description.learning_repeat / description.actor_delay / description.learning_delay
    return description.lr_actor * steps


def _is_sparse(functions: GoalFunctions, goal_dim: int) -> bool:
    """Whether the reward is 0 at the goal and -1 elsewhere, judged at goals near and far.

    One that depends on info is not, nor one that is infinite far away.
    """
    if functions.keys:
        return False
    distance = torch.logspace(-6, 6, 25)[:, None].expand(-1, goal_dim)
    try:
        reward = functions.reward(torch.zeros_like(distance), distance)
        at_goal = functions.reward(torch.zeros(1, goal_dim), torch.zeros(1, goal_dim))
    except ConfigError:
        return False
    return bool(
        reward.numel() == len(distance)
        and ((reward == -1) | (reward == 0)).all()
        and reward.flatten()[-1] == -1
        and at_goal.flatten()[0] == 0
    )
