"""The goal Reacher's planar arm as dynamics, with random starts and targets."""

from __future__ import annotations

import mujoco
import numpy as np

from bnpo.envs.reacher.goal_reacher import FRAME_SKIP, planar_arm_xml
from bnpo.envs.reacher.goal_reacher_config import LINKS
from bnpo.planning import MujocoDynamics
from bnpo.planning.dynamics import FloatArray


def fingertip(state: FloatArray) -> FloatArray:
    """Position of the fingertip, [B, 2] (metres)."""
    angle = np.cumsum(state[:, :2], 1)  # of each link
    x, y = (np.stack([f(angle[:, 0]), f(angle[:, 1])], 1) @ LINKS for f in (np.cos, np.sin))
    return np.stack((x, y), 1)


def arm() -> MujocoDynamics:
    """Four numbers of state; paid for by the fingertip."""
    model = mujoco.MjModel.from_xml_string(planar_arm_xml())
    return MujocoDynamics(model, steps=FRAME_SKIP, output=fingertip)


def tasks(
    count: int, steps: int, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Starts [N, 4], first guesses [4, N, T, 2], contexts [N, T, 3] and targets [N, 2]."""
    draw = np.random.default_rng(seed)
    start = np.concatenate(
        (draw.uniform(-0.1, 0.1, (count, 2)), draw.uniform(-5e-3, 5e-3, (count, 2))), 1
    )
    radius, angle = 0.2 * np.sqrt(draw.random(count)), 2 * np.pi * draw.random(count)
    target = np.stack((radius * np.cos(angle), radius * np.sin(angle)), 1)
    guesses = np.repeat(0.1 * draw.standard_normal((4, count, 1, 2)), steps, 2)
    context = np.repeat(np.concatenate((target, np.ones((count, 1))), 1)[:, None], steps, 1)
    context[:, -1, -1] = 3.0
    return start, guesses, context, target
