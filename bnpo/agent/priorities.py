"""The priorities by which one brain's pool is drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.agent.crediting import NetworkEvaluator
from bnpo.brains import Learnt
from bnpo.config import AgentConfig, BrainDescription
from bnpo.replay import ImportanceRatio, SamplingLaw
from bnpo.types import Transitions

__all__ = ["Priorities"]


class Priorities:
    """Computes priorities of ratios and errors by a sampling law, its exponent by a schedule."""

    def __init__(
        self,
        law: SamplingLaw,
        evaluator: NetworkEvaluator,
        description: BrainDescription,
        config: AgentConfig,
    ) -> None:
        """Join a law with the networks that ratios are computed by."""
        self.law = law
        self.evaluator = evaluator
        self.uniform = not law.needs
        """Whether every transition is drawn alike."""
        self.resampled = isinstance(law, ImportanceRatio)
        """Whether draws look as if the learning policy had acted."""
        self.exponent: float | None = None
        """Current exponent of the priorities; None uses the law's own."""
        self._schedule = description.prio_schedule
        self._max_log_ratio = config.max_log_ratio

    def follow(self, env_steps: int) -> None:
        """Set the exponent that the schedule gives after these environment steps."""
        schedule = self._schedule
        if schedule is not None:
            self.exponent = float(schedule(env_steps) if callable(schedule) else schedule)

    def of_fresh(self, transitions: Transitions) -> Tensor:
        """Return priorities [B] of fresh transitions, by ratios under the online actor."""
        log_prob = self.evaluator.log_prob(
            transitions.observation, transitions.goal, transitions.action
        )
        log_ratio = log_prob - transitions.behaviour_log_prob
        return self._of(transitions, log_ratio, torch.zeros_like(log_ratio))

    def of_learnt(self, batch: Transitions, learnt: Learnt) -> Tensor:
        """Return new priorities [B] of a minibatch, by what its gradient step measured."""
        log_ratio, td_error = learnt.log_ratio, learnt.td_error
        if log_ratio is None:
            log_ratio = torch.zeros_like(td_error)
        return self._of(batch, log_ratio, td_error)

    def _of(self, batch: Transitions, log_ratio: Tensor, td_error: Tensor) -> Tensor:
        return self.law.priority(
            log_ratio,
            batch.log_ratio_rest,
            td_error,
            exponent=self.exponent,
            max_log_ratio=self._max_log_ratio,
        )
