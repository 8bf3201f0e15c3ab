"""The scripted player of the hockey Reacher: a fixed measure that guards its mouth and hits."""

from __future__ import annotations

import numpy as np

from bnpo.envs.reacher.batch_env import FloatArray
from bnpo.envs.reacher.hockey_rink import (
    BASE,
    HALF_LENGTH,
    HALF_WIDTH,
    LINKS,
    MALLET_RADIUS,
    PUCK_RADIUS,
)
from bnpo.envs.reacher.planar_arm import reaching_angles

_GUARD_X = -0.33  # where the mallet waits (metres)
_GUARD_Y = 0.08  # how far it leaves the middle to either side (metres)
_HIT_X = -0.02  # a puck that is not farther away than this is hit (metres)
_TOO_FAST = 1.2  # a puck that comes faster than this is waited for (m/s)
_TOUCH = MALLET_RADIUS + PUCK_RADIUS
_STIFFNESS, _DAMPING = 9.0, 0.35  # of the joints, in units of the action per rad and rad/s


def scripted_action(view: FloatArray) -> FloatArray:
    """Return the actions [N, 2] of the scripted player, a function of what its side sees, [N, 24].

    A puck that comes fast, or is out of reach, is waited for where it will cross the line of the
    guard, bounces off the sides included. Another one is hit from behind, towards the middle of the
    other mouth; if it lies behind the mallet, the mallet first goes back.
    """
    puck, velocity, mallet = view[:, 0:2], view[:, 2:4], view[:, 4:6]
    aim = np.array([HALF_LENGTH, 0.0]) - puck
    aim /= np.sqrt(np.square(aim).sum(-1, keepdims=True))
    gap = puck - mallet
    behind = gap[:, 0] > 0.6 * _TOUCH  # the mallet is, and so may hit
    aside = np.abs(gap[:, 0] * aim[:, 1] - gap[:, 1] * aim[:, 0])
    aligned = aside < 0.5 * PUCK_RADIUS
    reach = np.where(aligned, -2.0 * _TOUCH, 1.2 * _TOUCH)[:, None]
    strike = puck + 0.1 * velocity - reach * aim
    retreat = np.stack((np.full(len(puck), _GUARD_X), np.sign(-puck[:, 1]) * 0.5 * _GUARD_Y), 1)
    waiting = (puck[:, 0] > _HIT_X) | (velocity[:, 0] < -_TOO_FAST)
    point = np.where(behind[:, None], strike, retreat)
    point = np.where(waiting[:, None], _guard(puck, velocity), point)
    angles = np.arctan2(view[:, 10:12], view[:, 8:10])
    error = reaching_angles(point - (BASE, 0.0), LINKS) - angles
    error = np.remainder(error + np.pi, 2.0 * np.pi) - np.pi
    return np.clip(_STIFFNESS * error - _DAMPING * view[:, 12:14], -1.0, 1.0)


def _guard(puck: FloatArray, velocity: FloatArray) -> FloatArray:
    """Return the points [N, 2] to wait for pucks at."""
    coming = velocity[:, 0] < -0.05
    time = np.where(coming, (_GUARD_X - puck[:, 0]) / np.minimum(velocity[:, 0], -0.05), 0.0)
    width = HALF_WIDTH - PUCK_RADIUS
    y = puck[:, 1] + velocity[:, 1] * np.clip(time, 0.0, 2.0)
    y = np.abs(np.remainder(y + width, 4.0 * width) - 2.0 * width) - width  # mirrored at the sides
    y = np.where(coming, -y, 0.5 * puck[:, 1])
    return np.stack((np.full(len(puck), _GUARD_X), np.clip(y, -_GUARD_Y, _GUARD_Y)), 1)
