"""Counts the episodes of environments that are stepped: returns, lengths, success."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bnpo.types.step import Step
from bnpo.types.stream import Episodes

__all__ = ["EpisodeCounter"]


class EpisodeCounter:
    """Sums rewards and steps of the training episodes that are under way."""

    def __init__(self, num_envs: int) -> None:
        """Begin an episode in every environment."""
        self._sums = np.zeros((3, num_envs))  # rewards, steps, score
        self._scores = False

    def note(self, step: Step) -> Episodes | None:
        """Count one step of every environment; return the episodes that it ended, if any.

        Episodes of environments that a failed worker lost are not counted.
        """
        sums = self._sums
        sums[0] += step.reward.cpu().numpy().sum(-1)
        sums[1] += 1
        if step.score is not None:
            self._scores = True
            sums[2] += np.nan_to_num(step.score.cpu().numpy())
        episodes = None
        ended = (step.terminated | step.truncated).cpu().numpy()
        if ended.any():
            returns, lengths, score = sums[:, ended].copy()
            unknown = np.full(len(returns), math.nan)
            success = unknown
            if step.success is not None:
                success = step.success.cpu().numpy()[ended].astype(np.float64)
            episodes = Episodes(returns, lengths, success, score if self._scores else unknown)
            sums[:, ended] = 0.0
        if step.lost is not None:
            sums[:, step.lost.cpu().numpy()] = 0.0
        return episodes

    def state_dict(self) -> dict[str, Any]:
        """Return the sums so far."""
        return {"sums": self._sums.tolist(), "scores": self._scores}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over sums of as many environments."""
        self._sums[:] = state["sums"]
        self._scores = state["scores"]
