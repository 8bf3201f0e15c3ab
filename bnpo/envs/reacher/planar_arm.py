"""Where a planar two-link arm's elbow and fingertip are, and which angles lead somewhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def fingertips(angles: FloatArray, links: tuple[float, float]) -> FloatArray:
    """Return the positions [N, 2] of the fingertips (metres), from the shoulders.

    Args:
        angles: of shoulder and elbow [N, 2] (rad)
        links: lengths (metres)

    """
    shoulder, hand = angles[:, 0], angles[:, 0] + angles[:, 1]
    positions = np.empty((len(angles), 2))
    positions[:, 0] = links[0] * np.cos(shoulder) + links[1] * np.cos(hand)
    positions[:, 1] = links[0] * np.sin(shoulder) + links[1] * np.sin(hand)
    return positions


def fingertip_velocities(
    angles: FloatArray, speeds: FloatArray, links: tuple[float, float]
) -> FloatArray:
    """Return the velocities [N, 2] of the fingertips (m/s) under joint speeds [N, 2] (rad/s)."""
    shoulder, hand = angles[:, 0], angles[:, 0] + angles[:, 1]
    first, second = links[0] * speeds[:, 0], links[1] * (speeds[:, 0] + speeds[:, 1])
    velocities = np.empty((len(angles), 2))
    velocities[:, 0] = -first * np.sin(shoulder) - second * np.sin(hand)
    velocities[:, 1] = first * np.cos(shoulder) + second * np.cos(hand)
    return velocities


def reaching_angles(
    points: FloatArray, links: tuple[float, float], bend: FloatArray | float = 1.0
) -> FloatArray:
    """Return angles [N, 2] (rad) that put fingertips at points [N, 2], or as near as they reach.

    Args:
        points: from the shoulders (metres)
        links: lengths (metres)
        bend: sign of the elbow's angle, +1 or -1, one for all or [N]

    """
    first, second = links
    squared = np.square(points).sum(-1)
    cosine = (squared - first**2 - second**2) / (2.0 * first * second)
    elbow = bend * np.arccos(np.clip(cosine, -1.0, 1.0))
    lean = np.arctan2(second * np.sin(elbow), first + second * np.cos(elbow))
    return np.stack((np.arctan2(points[:, 1], points[:, 0]) - lean, elbow), 1)
