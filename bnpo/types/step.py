"""What flows between environments, policy and replay: observations, decisions, steps."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

__all__ = ["Decision", "Observation", "Step"]


class Observation(NamedTuple):
    """Observations of a batch of environments, as the networks take them."""

    observation: Tensor
    """[N, O]"""

    achieved_goal: Tensor
    """[N, G]"""

    desired_goal: Tensor
    """[N, G]"""


class Decision(NamedTuple):
    """Actions of a batch of environments with the distribution they were drawn from."""

    action: Tensor
    """[N, A], as drawn: clip it to the Box before it goes to an environment"""

    mu: Tensor
    """[N, A]"""

    sigma: Tensor
    """[N, A]"""

    log_prob: Tensor
    """[N]"""

    on_policy: Tensor | None = None
    """[N], whether the policy itself acted, without wider or narrower noise; None: everywhere"""


class Step(NamedTuple):
    """One step of a batch of environments, as the replay takes it."""

    decision: Decision
    """Actions, and the distribution that they were drawn from"""

    reward: Tensor
    """[N, R]"""

    terminated: Tensor
    """[N]"""

    truncated: Tensor
    """[N]"""

    next_observation: Observation
    """Observations that the actions led to, also at an episode's end"""

    reset_observation: Observation
    """Observations from which the next step starts; others than these where an episode ended"""

    reward_low: float
    """Least reward, summed over its components"""

    reward_high: float
    """Largest reward, summed over its components"""

    lag: int
    """How many vector steps of learning the acting policy was behind"""

    statistics: Tensor | None = None
    """[3, O + G], statistics of normalisation with which a new rollout begins here"""

    lost: Tensor | None = None
    """[N], environments that began anew without an end of their episode; None: none"""

    success: Tensor | None = None
    """[N], ``is_success`` of the step, NaN where it was not told; None where no episode ended"""

    score: Tensor | None = None
    """[N], the environment's own score of the step; None where it has none"""
    info: Tensor | None = None
    """[N, I], what the replay keeps of info, see :attr:`TaskSpec.info`; None: nothing"""

    def rows(self, part: slice) -> Self:
        """Return the same step of some of the environments."""
        step: Self = tree_map_only(Tensor, lambda tensor: tensor[part], self)
        return step

    @classmethod
    def restore(cls, fields: tuple[Any, ...], device: torch.device) -> Self:
        """Make a step of the plain tuples that a checkpoint holds."""
        step = cls(*tree_map_only(Tensor, lambda tensor: tensor.to(device), tuple(fields)))
        return step._replace(
            decision=Decision(*step.decision),
            next_observation=Observation(*step.next_observation),
            reset_observation=Observation(*step.reset_observation),
        )
