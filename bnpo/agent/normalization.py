"""When new observations enter the statistics of normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bnpo.agent.brain import Brain
from bnpo.networks import Encoder
from bnpo.types import Trajectories

__all__ = ["Normalization"]


class Normalization:
    """Decides when new observations enter the statistics of normalisation: between rollouts.

    The statistics stay as they are until a likelihood-ratio brain has had its turn on the rollouts
    that were acted with them, and for good once the actor was fitted under them to guiding samples.
    """

    def __init__(self, encoder: Encoder, brains: Sequence[Brain]) -> None:
        """Hold the statistics of an encoder until they may change.

        Args:
            encoder: holds the statistics
            brains: the brains that learn from what was acted with them

        """
        self.encoder = encoder
        self.on_policy = [one for one in brains if not one.step.rule.pathwise]
        """Brains with a likelihood-ratio rule"""
        self.final = any(brain.step.rule.guidance is not None for brain in brains)
        """Whether the actor is fitted to guiding samples, under their statistics"""
        self.waiting = False
        """Whether any sample was counted since statistics last came into force"""

    def observe(self, trajectories: Trajectories, rows: Tensor) -> None:
        """Count the samples of finished segments [K]; the statistics in force stay."""
        steps = torch.arange(trajectories.observation.shape[1], device=rows.device)
        written = steps <= trajectories.length[rows, None]
        seen = (getattr(trajectories, name)[rows][written] for name in _SEEN)
        observation, *goals = seen
        self.encoder.observe(observation, torch.cat(goals))
        self.waiting = True

    def renew(self, *, first: bool = False) -> None:
        """Put the statistics of all samples so far in force, unless those in force are final.

        Args:
            first: put them in force although they will be final

        """
        if self.waiting and (first or not self.final):
            self.encoder.commit()
            self.waiting = False

    def may_change(self, vector_step: int) -> bool:
        """Return whether a rollout with new statistics may begin at this step."""
        return not self.final and any(one.due(vector_step) for one in self.on_policy)


_SEEN = ("observation", "achieved_goal", "desired_goal")
