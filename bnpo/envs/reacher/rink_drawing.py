"""The picture of a hockey rink, seen from above."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bnpo.envs.reacher.drawing import Canvas, Image, draw_arm
from bnpo.envs.reacher.hockey_rink import (
    BASE,
    HALF_LENGTH,
    HALF_WIDTH,
    LINKS,
    MALLET_RADIUS,
    PUCK_RADIUS,
)
from bnpo.envs.reacher.planar_arm import fingertips

_ICE = (236, 242, 248)
_WALL = (70, 74, 82)
_LINE = (196, 200, 208)
_MOUTHS = ((52, 152, 88), (214, 69, 65))
_MALLETS = ((52, 152, 88), (214, 69, 65))
_PUCK = (70, 74, 82)


def draw_rink(
    *, qpos: npt.NDArray[np.float64], mouth_width: float, caption: str, size: int = 400
) -> Image:
    """Draw both arms, the puck and the mouths [size, size, 3]; side 0 (green) plays from the left.

    Args:
        qpos: [6], angles of both arms (rad) and the puck (metres).
        mouth_width: of the mouths (metres).
        caption: a line of text.
        size: pixels of a side.

    """
    canvas = Canvas(size=size, half_width=1.15 * -BASE)
    length, width = HALF_LENGTH, HALF_WIDTH
    corners = np.array([(-length, -width), (-length, width), (length, width), (length, -width)])
    canvas.area(corners, _ICE)
    canvas.path(np.array([(0.0, -width), (0.0, width)]), colour=_LINE, pixels=1.5)
    canvas.path(np.vstack([corners, corners[:1]]), colour=_WALL, pixels=2.0)
    for sign, colour in zip((-1.0, 1.0), _MOUTHS, strict=True):
        mouth = [(sign * length, -0.5 * mouth_width), (sign * length, 0.5 * mouth_width)]
        canvas.path(np.array(mouth), colour=colour, pixels=5.0)
    canvas.disc(qpos[4:], PUCK_RADIUS, fill=_PUCK)
    for side, sign in enumerate((1.0, -1.0)):
        angles = qpos[2 * side : 2 * side + 2]
        elbow = np.array([np.cos(angles[0]), np.sin(angles[0])]) * LINKS[0] + (BASE, 0.0)
        mallet = fingertips(angles[None], LINKS)[0] + (BASE, 0.0)
        canvas.disc(sign * mallet, MALLET_RADIUS, fill=_MALLETS[side])
        places = (sign * elbow, sign * mallet, (sign * BASE, 0.0))
        draw_arm(canvas, *((float(x), float(y)) for x, y in places))
    canvas.caption(caption)
    return canvas.array()
