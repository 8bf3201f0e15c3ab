"""What a recording shows: one environment, or a batch of them as a grid, drawn without a window."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from PIL import Image

from bnpo.agent import Agent
from bnpo.envs import make_env, make_vector_env
from bnpo.envs.python import python
from bnpo.errors import RecordingError

__all__ = ["FPS", "Scene", "scene"]

FPS = 25
"""Pictures per second where an environment does not say."""

_WIDTH = 320
"""Pixels of the longer side of one environment's picture."""

_CELL = 120
"""Pixels of an environment's picture in a grid."""

_BACKENDS = ("egl", "osmesa", "glfw")

_PROBE = """
import mujoco
context = mujoco.GLContext(32, 32)
context.make_current()
model = mujoco.MjModel.from_xml_string("<mujoco/>")
mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
"""


@dataclass(frozen=True)
class Scene:
    """N environments that begin and end their episodes together, and their picture."""

    envs: Any
    """A vector environment that does not reset by itself"""

    picture: Callable[[], Image.Image]
    """Draws the environments as they are"""

    fps: float
    """Steps per second of the environment's own time"""


@contextmanager
def scene(agent: Agent) -> Iterator[Scene]:
    """Make the agent's environment so that it returns pictures.

    An environment whose metadata hold ``render_grid`` is drawn as a grid of so many.

    Raises:
        RecordingError: the environment cannot be drawn here.

    """
    spec = agent.spec
    settings = {**agent.env_kwargs, "render_mode": "rgb_array"}
    try:
        env: Any = make_env(spec.env_id, **settings)
    except ValueError as error:
        raise RecordingError(f"{spec.env_id} cannot be drawn: {error}") from None
    together = int(env.metadata.get("render_grid", 1))
    fps = float(env.metadata.get("render_fps", FPS))
    try:
        if together > 1:
            env.close()
            env = make_vector_env(
                spec.env_id, together, threads=0, autoreset_mode="DISABLED", **settings
            )
            yield Scene(env, lambda: Image.fromarray(env.draw_grid(size=_CELL)), fps)
            return
        if _drawn_by_mujoco(env.unwrapped):
            _choose_backend(spec.env_id)
        single = env
        env = SyncVectorEnv([lambda: single], autoreset_mode=AutoresetMode.DISABLED)
        yield Scene(env, lambda: _picture(single), fps)
    except (gym.error.Error, ImportError) as error:
        raise RecordingError(f"{spec.env_id} cannot be drawn: {error}") from None
    finally:
        env.close()


def _picture(env: Any) -> Image.Image:
    """Draw a single environment."""
    image = Image.fromarray(np.asarray(env.render(), np.uint8))
    image.thumbnail((_WIDTH, _WIDTH), Image.Resampling.HAMMING)
    return image


def _drawn_by_mujoco(env: Any) -> bool:
    """Whether an environment, or one that it holds (the Maze family), draws with MuJoCo."""
    held = [env, *getattr(env, "__dict__", {}).values()]
    return any(hasattr(one, "mujoco_renderer") for one in held)


def _choose_backend(env_id: str) -> None:
    """Set MUJOCO_GL to the first way of drawing without a window that works on this machine."""
    wanted = os.environ.get("MUJOCO_GL")
    backends = (wanted,) if wanted else _BACKENDS
    for backend in backends:
        if _works(backend):
            os.environ["MUJOCO_GL"] = backend
            return
    raise RecordingError(
        f"{env_id} is drawn with OpenGL, and none of {', '.join(backends)} works here: install "
        "one (Debian: libegl1 with libgl1-mesa-dri, or libosmesa6) or set MUJOCO_GL"
    )


def _works(backend: str) -> bool:
    """Try a backend in a process of its own, which it may take down."""
    environment = {**os.environ, "MUJOCO_GL": backend}
    try:
        tried = subprocess.run(
            python(_PROBE),
            env=environment,
            capture_output=True,
            timeout=30,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return tried.returncode == 0
