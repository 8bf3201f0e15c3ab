"""Small 2-D pictures with pillow: no OpenGL, no display."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Point = tuple[float, float]

_OVERSAMPLING = 3
_PAPER = (250, 250, 248)
_GRID = (228, 228, 226)
_ORBIT = (196, 200, 208)
_INK = (70, 74, 82)
_ARM = (46, 94, 140)
_ARM_LIGHT = (92, 146, 196)
_HAND = (240, 140, 40)
_GOAL = (214, 69, 65)
_GOAL_PALE = (247, 214, 211)
_REACHED = (52, 152, 88)
_REACHED_PALE = (205, 235, 214)
_ZONE = (168, 132, 196)
_ZONE_PALE = (236, 227, 243)


class Canvas:
    """An anti-aliased square picture, in the units of the scene with y upwards."""

    def __init__(self, *, size: int, half_width: float, middle: Point = (0.0, 0.0)) -> None:
        """Cover +- ``half_width`` around ``middle`` in both directions with ``size`` pixels."""
        from PIL import Image as PillowImage
        from PIL import ImageDraw

        pixels = size * _OVERSAMPLING
        self._scale = pixels / (2.0 * half_width)
        self._left = pixels / 2.0 - self._scale * middle[0]
        self._top = pixels / 2.0 + self._scale * middle[1]
        self._image = PillowImage.new("RGB", (pixels, pixels), _PAPER)
        self._pen: Any = ImageDraw.Draw(self._image)

    def _pixel(self, point: Sequence[float] | npt.NDArray[Any]) -> Point:
        return (
            self._left + self._scale * float(point[0]),
            self._top - self._scale * float(point[1]),
        )

    def disc(
        self,
        centre: Sequence[float] | npt.NDArray[Any],
        radius: float,
        fill: tuple[int, int, int] | None = None,
        outline: tuple[int, int, int] | None = None,
    ) -> None:
        """Draw a disc or, with only an outline, a circle."""
        x, y = self._pixel(centre)
        r = radius * self._scale
        width = 2 * _OVERSAMPLING if outline else 0
        self._pen.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=outline, width=width)

    def limb(
        self,
        start: Sequence[float] | npt.NDArray[Any],
        end: Sequence[float] | npt.NDArray[Any],
        radius: float,
        colour: tuple[int, int, int],
    ) -> None:
        """Draw a thick line with round ends."""
        width = max(1, round(2 * radius * self._scale))
        self._pen.line((*self._pixel(start), *self._pixel(end)), fill=colour, width=width)
        self.disc(start, radius, fill=colour)
        self.disc(end, radius, fill=colour)

    def area(self, corners: npt.NDArray[Any], colour: tuple[int, int, int]) -> None:
        """Fill the polygon with ``corners`` [P, 2]."""
        self._pen.polygon([self._pixel(corner) for corner in corners], fill=colour)

    def path(
        self, points: npt.NDArray[Any], colour: tuple[int, int, int] = _GRID, pixels: float = 1.0
    ) -> None:
        """Draw a thin line through ``points`` [P, 2]."""
        flat = [coordinate for point in points for coordinate in self._pixel(point)]
        self._pen.line(flat, fill=colour, width=max(1, round(pixels * _OVERSAMPLING)))

    def caption(self, text: str, *, pixels: int = 14) -> None:
        """Write ``text`` into the upper left corner."""
        from PIL import ImageFont

        font = ImageFont.load_default(size=pixels * _OVERSAMPLING)
        corner = 0.6 * pixels * _OVERSAMPLING
        self._pen.text((corner, corner), text, fill=_INK, font=font)

    def array(self) -> Image:
        """Return the picture [size, size, 3]."""
        return np.asarray(self._image.reduce(_OVERSAMPLING)).copy()


def draw_planar_reacher(
    *,
    angles: npt.NDArray[np.float64],
    links: tuple[float, float],
    target: npt.NDArray[np.float64],
    threshold: float,
    caption: str,
    zone: tuple[float, float, float] | None = None,
    stalled: bool = False,
    size: int = 400,
) -> Image:
    """Draw the planar arm seen from above [size, size, 3].

    Args:
        angles: [2], joint angles (rad).
        links: lengths of the two links (metres).
        target: [2], the target (metres).
        threshold: radius of the disc in which the target counts as reached (metres).
        caption: a line of text.
        zone: x, y and radius of the disc in which motors stall (metres).
        stalled: whether they do; the arm turns grey.
        size: pixels of a side.

    """
    reach = sum(links)
    canvas = Canvas(size=size, half_width=1.12 * reach)
    elbow, tip = _joints(angles, links)
    reached = math.dist(tip, target) <= threshold
    if zone is not None:
        canvas.disc(zone[:2], zone[2], fill=_ZONE_PALE, outline=_ZONE)
    canvas.disc((0.0, 0.0), reach, outline=_GRID)
    _draw_target(canvas, target, threshold, reached)
    draw_arm(canvas, elbow, tip, grey=stalled)
    canvas.disc(tip, 0.005, fill=_HAND)
    canvas.caption(caption)
    return canvas.array()


def draw_slide_reacher(
    *,
    angles: npt.NDArray[np.float64],
    links: tuple[float, float],
    puck: npt.NDArray[np.float64],
    puck_radius: float,
    target: npt.NDArray[np.float64],
    threshold: float,
    caption: str,
    size: int = 400,
) -> Image:
    """Draw the arm that hits a puck, seen from above [size, size, 3].

    Args:
        angles: [2], joint angles (rad).
        links: lengths of the two links (metres).
        puck: [2], centre of the puck (metres).
        puck_radius: of the puck (metres).
        target: [2], the target (metres).
        threshold: radius of the disc in which the target counts as reached (metres).
        caption: a line of text.
        size: pixels of a side.

    """
    canvas = Canvas(size=size, half_width=0.4, middle=(0.2, 0.0))
    elbow, tip = _joints(angles, links)
    canvas.disc((0.0, 0.0), sum(links), outline=_GRID)
    _draw_target(canvas, target, threshold, math.dist(puck, target) <= threshold)
    canvas.disc(puck, puck_radius, fill=_ZONE, outline=_INK)
    draw_arm(canvas, elbow, tip)
    canvas.disc(tip, 0.01, fill=_HAND)
    canvas.caption(caption)
    return canvas.array()


def draw_arm(
    canvas: Canvas, elbow: Point, tip: Point, base: Point = (0.0, 0.0), *, grey: bool = False
) -> None:
    """Draw a planar arm's two links, its base and its elbow; a grey one does not work."""
    canvas.limb(base, elbow, 0.01, _INK if grey else _ARM)
    canvas.limb(elbow, tip, 0.008, _ORBIT if grey else _ARM_LIGHT)
    canvas.disc(base, 0.006, fill=_PAPER)
    canvas.disc(elbow, 0.004, fill=_PAPER)


def _joints(angles: npt.NDArray[np.float64], links: tuple[float, float]) -> tuple[Point, Point]:
    """Return the elbow and fingertip of a planar arm with its shoulder at the origin."""
    first, second = float(angles[0]), float(angles[0] + angles[1])
    elbow = (links[0] * math.cos(first), links[0] * math.sin(first))
    return elbow, (elbow[0] + links[1] * math.cos(second), elbow[1] + links[1] * math.sin(second))


def _draw_target(
    canvas: Canvas, target: npt.NDArray[np.float64], threshold: float, reached: bool
) -> None:
    """Draw a target and the disc in which it counts as reached; green when it is."""
    rim, fill = (_REACHED, _REACHED_PALE) if reached else (_GOAL, _GOAL_PALE)
    canvas.disc(target, threshold, fill=fill, outline=rim)
    canvas.disc(target, 0.1 * threshold, fill=rim)


def draw_moving_reacher(
    *,
    joints: npt.NDArray[np.float64],
    goal: npt.NDArray[np.float64],
    goal_radius: float,
    hand_radius: float,
    orbit: npt.NDArray[np.float64],
    caption: str,
    size: int = 400,
) -> Image:
    """Draw an arm and its goal in an oblique view, y upwards, z into the picture [size, size, 3].

    Args:
        joints: [3, 3], positions of shoulder, elbow and hand (metres).
        goal: [3], centre of the goal sphere.
        goal_radius: of the goal sphere (metres); it turns green when the hand touches it.
        hand_radius: of the hand (metres).
        orbit: [P, 3], the circle that the goal runs on.
        caption: a line of text.
        size: pixels of a side.

    """
    canvas = Canvas(size=size, half_width=15.5)
    touching = math.dist(joints[2], goal) < goal_radius + hand_radius
    rim, fill = (_REACHED, _REACHED_PALE) if touching else (_GOAL, _GOAL_PALE)
    shoulder, elbow, hand, centre = _oblique(np.vstack([joints, goal]))
    canvas.path(_oblique(orbit), colour=_ORBIT, pixels=1.5)
    canvas.disc((0.0, 0.0), 0.7, fill=_INK)
    depth_and_part: list[tuple[float, Callable[[], None]]] = [
        (joints[0:2, 2].mean(), lambda: canvas.limb(shoulder, elbow, 0.5, _ARM)),
        (joints[1:3, 2].mean(), lambda: canvas.limb(elbow, hand, 0.5, _ARM_LIGHT)),
        (joints[2, 2] - 0.01, lambda: canvas.disc(hand, hand_radius, fill=_HAND)),
        (goal[2], lambda: canvas.disc(centre, goal_radius, fill=fill, outline=rim)),
    ]
    for _, part in sorted(depth_and_part, key=lambda item: -item[0]):
        part()
    canvas.disc(hand, 0.3 * hand_radius, fill=_HAND)  # never hidden
    canvas.caption(caption, pixels=max(9, size // 28))
    return canvas.array()


def tile(pictures: Sequence[Image], *, columns: int | None = None, gap: int = 2) -> Image:
    """Lay pictures of equal size [H, W, 3] out in rows, as close to a square as it gets."""
    wide = columns or math.ceil(math.sqrt(len(pictures)))
    high = math.ceil(len(pictures) / wide)
    height, width = pictures[0].shape[:2]
    sheet = np.full(
        (high * (height + gap) - gap, wide * (width + gap) - gap, 3), _GRID, dtype=np.uint8
    )
    for index, picture in enumerate(pictures):
        row, column = divmod(index, wide)
        top, left = row * (height + gap), column * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def _oblique(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return points [P, 3] in the picture's plane [P, 2]; distance in z goes up and right."""
    flat: npt.NDArray[np.float64] = points[:, :2] + points[:, 2:] * np.array([[0.35, 0.28]])
    return flat
