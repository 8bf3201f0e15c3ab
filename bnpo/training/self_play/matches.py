"""Games between two policies, to rate them: mean actions on both sides, fixed face-offs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bnpo.agent.policy import Policy
from bnpo.seeding import EVALUATION_SEED
from bnpo.training.self_play.opponents import seen

__all__ = ["Match", "play_matches"]


class Match(NamedTuple):
    """Outcome of a number of games for the first player."""

    won: int
    lost: int
    drawn: int


class _Side:
    """A policy at some of the rows of a batch of games, with what it recalls of them."""

    def __init__(self, policy: Policy, rows: slice) -> None:
        self.policy, self.rows = policy, rows
        self._before: torch.Tensor | None = None

    def act(self, view: NDArray[np.float64], into: NDArray[np.float32]) -> None:
        """Write mean actions for its rows into [N, A]."""
        observation = seen(self.policy, view[self.rows], self._before)
        self._before = observation.observation
        into[self.rows] = self.policy.playable(self.policy.best_action(observation))


def play_matches(
    env: Any, player: Policy, others: Sequence[Policy | None], games: int
) -> list[Match]:
    """Play a number of games against each of several others, all at once.

    Args:
        env: a vector environment of two sides, with ``games`` rows for each of the others
        player: on side 0
        others: on side 1; None: the environment's scripted player
        games: against each

    """
    number = env.num_envs
    first = _Side(player, slice(0, number))
    blocks = [slice(games * i, games * (i + 1)) for i in range(len(others))]
    sides = [_Side(one, rows) for one, rows in zip(others, blocks, strict=True) if one is not None]
    observation, _ = env.reset(seed=EVALUATION_SEED)
    outcome, running = np.zeros(number), np.ones(number, np.bool_)
    own = np.zeros((number, env.single_action_space.shape[0]), np.float32)
    while running.any():
        view, other = env.other_view(), env.scripted_actions().astype(np.float32)
        first.act(observation, own)
        for side in sides:
            side.act(view, other)
        observation, reward, terminated, truncated, _ = env.step_both(own, other)
        outcome[running] += reward[running]
        running &= ~(terminated | truncated)
    return [
        Match(int((part > 0).sum()), int((part < 0).sum()), int((part == 0).sum()))
        for part in (outcome[rows] for rows in blocks)
    ]
