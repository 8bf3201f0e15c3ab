"""Credit of one brain's transitions, by its scheme and today's networks."""

from __future__ import annotations

import torch
from torch import Tensor

from bnpo.agent.evaluator import NetworkEvaluator
from bnpo.brains import Rule
from bnpo.config import AgentConfig, BrainDescription
from bnpo.credit import with_later_ratios
from bnpo.credit.checks import check_columns, check_proximal
from bnpo.networks import Recall
from bnpo.replay import ImportanceRatio, SamplingLaw, SegmentTable
from bnpo.types import CreditScheme, Transitions

__all__ = ["CreditAssignment"]


class CreditAssignment:
    """Asks a scheme for credit; adds the ratios of later actions and the proximal density."""

    def __init__(
        self,
        scheme: CreditScheme,
        evaluator: NetworkEvaluator,
        rule: Rule,
        law: SamplingLaw,
        description: BrainDescription,
        config: AgentConfig,
    ) -> None:
        """Join a scheme with the networks that it asks and the rule that learns from it."""
        self.scheme = scheme
        self.evaluator = evaluator
        self.config = config
        self._kstep = isinstance(law, ImportanceRatio) and law.kstep
        self._needs_proximal = not scheme.sets_proximal and (
            not rule.pathwise or description.ppo_eps is not None
        )
        self._checked = False

    def assign_whole(self, table: SegmentTable, rows: Tensor) -> Transitions:
        """Credit of all transitions of the segments on rows [K], one segment after the other."""
        length = table.trajectories.length[rows]
        segment = rows.repeat_interleave(length)
        starts = (length.cumsum(0) - length).repeat_interleave(length)
        time = torch.arange(len(segment), device=segment.device) - starts
        return self.assign(table, segment, time)

    def assign(
        self,
        table: SegmentTable,
        segment: Tensor,
        time: Tensor,
        *,
        refresh: bool = False,
    ) -> Transitions:
        """Credit of the transitions at (segment, time), both [B].

        Args:
            table: the shared replay
            segment: [B], rows of the table
            time: [B], step within the segment
            refresh: whether this is a reanalysis, in which what a memory holds and what ratios
                refer to is of today's networks, not of those that acted

        """
        trajectories, encoder = table.trajectories, self.evaluator.networks.encoder
        if refresh and isinstance(encoder, Recall):
            rows, segment = segment.unique(return_inverse=True)
            trajectories = trajectories[rows]
            states = encoder.refresh(trajectories.observation)
            trajectories = trajectories.replace(observation=states)
        transitions = self.scheme.assign(trajectories, segment, time, self.evaluator)
        if self._kstep:
            transitions = with_later_ratios(
                transitions, trajectories, segment, time, self.evaluator
            )
        if not self._checked:
            expected = trajectories.n_step(segment, time, torch.ones_like(time), 0.0)
            name = type(self.scheme).__name__
            check_columns(name, transitions, expected)
            check_proximal(name, self.scheme, transitions)
            self._checked = True
        if self._needs_proximal:
            proximal = self._proximal_log_prob(transitions, refresh)
            transitions = transitions.replace(proximal_log_prob=proximal)
        return transitions

    def _proximal_log_prob(self, transitions: Transitions, refresh: bool) -> Tensor:
        """Log density [B] to which ratios refer: that of the policy that acted.

        With ``stable_probs`` it is that of the brain's target actor; in reanalysis, and under goals
        that replaced the recorded ones, that of the online actor of now.
        """
        asked = (transitions.observation, transitions.goal, transitions.action)
        if self.config.stable_probs:
            return self.evaluator.target_log_prob(*asked)
        if refresh:
            return self.evaluator.log_prob(*asked)
        recorded = transitions.behaviour_log_prob
        if not self.scheme.relabels:
            return recorded.clone()
        return torch.where(transitions.relabelled, self.evaluator.log_prob(*asked), recorded)
