"""Elo ratings of players from the games between them, with intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ratings", "elo_ratings"]

_SCALE = 400.0 / np.log(10.0)
"""Number of Elo points of one unit of log odds"""

_PRIOR = 800.0 / _SCALE
"""Standard deviation of ratings before any game, in log odds"""


class Ratings(NamedTuple):
    """Ratings of P players; the first one is the measure and has 0."""

    elo: NDArray[np.float64]
    """[P], Elo points"""

    margin: NDArray[np.float64]
    """[P], half the width of a 95 % interval, Elo points"""


def elo_ratings(score: NDArray[np.float64]) -> Ratings:
    """Rate players by maximum likelihood in the model of Bradley and Terry (1952).

    P(i beats j) = 1 / (1 + 10^((R_j - R_i) / 400)). R_0 = 0; the others have a wide normal prior,
    so that a player who has lost every game has a rating, too. Intervals are those of the normal
    distribution at the maximum.

    Args:
        score: [P, P], points that i took from j: 1 for a win, 1/2 for a draw

    """
    players = len(score)
    games = score + score.T
    theta = np.zeros(players)
    precision = np.eye(players) / _PRIOR**2
    for _ in range(100):
        expected = 1.0 / (1.0 + np.exp(theta[None] - theta[:, None]))  # [P, P], P(i beats j)
        slope = (score - games * expected).sum(1) - precision @ theta
        weight = games * expected * (1.0 - expected)
        curvature = np.diag(weight.sum(1)) - weight + precision
        step = np.zeros(players)
        step[1:] = np.linalg.solve(curvature[1:, 1:], slope[1:])
        theta += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    variance = np.zeros(players)
    variance[1:] = np.diag(np.linalg.inv(curvature[1:, 1:]))
    return Ratings(_SCALE * theta, 1.96 * _SCALE * np.sqrt(variance))
