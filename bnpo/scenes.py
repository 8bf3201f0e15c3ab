"""What a recording shows: one environment, or a batch of them as a grid, drawn without a window."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from PIL import Image

from bnpo.agent import Agent
from bnpo.envs import as_goal_observation, make_env, make_vector_env

__all__ = ["RecordingError", "Scene", "Shown", "scene"]

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

Shown = Mapping[str, npt.NDArray[Any]]
"""Observation and goals of the environments in a picture, [N, ...] each."""


class RecordingError(RuntimeError):
    """An environment that cannot be drawn here, and why."""


class Scene(Protocol):
    """N environments that begin and end their episodes together, and their picture."""

    num_envs: int
    """N."""
    metadata: Mapping[str, Any]
    """Of the environment, as Gymnasium has it; ``render_fps`` among it."""

    def reset(self, seed: int) -> Shown:
        """Begin an episode; environment i is seeded with seed + i."""

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Shown, npt.NDArray[Any], bool, dict[str, npt.NDArray[Any]]]:
        """Step with actions [N, A]: what is shown, rewards [N, ...], the end, info [N, ...]."""

    def picture(self) -> Image.Image:
        """Return the environments as they are."""


class _Single:
    """One environment."""

    num_envs = 1

    def __init__(self, env: Any) -> None:
        self.env = env
        self.metadata = env.metadata

    def reset(self, seed: int) -> Shown:
        return _batch_of_one(self.env.reset(seed=seed)[0])

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Shown, npt.NDArray[Any], bool, dict[str, npt.NDArray[Any]]]:
        shown, reward, terminated, truncated, info = self.env.step(actions[0])
        told = {
            key: np.asarray(info[key])[None] for key in ("is_success", "success") if key in info
        }
        return _batch_of_one(shown), np.asarray(reward)[None], bool(terminated or truncated), told

    def picture(self) -> Image.Image:
        image = Image.fromarray(np.asarray(self.env.render(), np.uint8))
        image.thumbnail((_WIDTH, _WIDTH), Image.Resampling.HAMMING)
        return image


class _Grid:
    """A batch of environments that draws itself as a grid."""

    def __init__(self, envs: Any) -> None:
        self.envs = envs
        self.metadata = envs.metadata
        self.num_envs = int(envs.num_envs)

    def reset(self, seed: int) -> Shown:
        shown: Shown = self.envs.reset(seed=seed)[0]
        return shown

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Shown, npt.NDArray[Any], bool, dict[str, npt.NDArray[Any]]]:
        shown, rewards, terminated, truncated, infos = self.envs.step(actions)
        return shown, rewards, bool((terminated | truncated).all()), infos

    def picture(self) -> Image.Image:
        return Image.fromarray(self.envs.draw_grid(size=_CELL))


def _batch_of_one(shown: Any) -> Shown:
    if isinstance(shown, dict):
        return {key: np.asarray(value)[None] for key, value in shown.items()}
    batch: Shown = as_goal_observation(np.asarray(shown)[None])
    return batch


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
        env = make_env(spec.env_id, **settings)
    except ValueError as error:
        raise RecordingError(f"{spec.env_id} cannot be drawn: {error}") from None
    together = int(env.metadata.get("render_grid", 1))
    try:
        if together > 1:
            env.close()
            env = make_vector_env(
                spec.env_id, together, threads=0, autoreset_mode="DISABLED", **settings
            )
            yield _Grid(env)
            return
        if _drawn_by_mujoco(env.unwrapped):
            _choose_backend(spec.env_id)
        yield _Single(env)
    except (gym.error.Error, ImportError) as error:
        raise RecordingError(f"{spec.env_id} cannot be drawn: {error}") from None
    finally:
        env.close()


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
            [sys.executable, "-c", _PROBE],
            env=environment,
            capture_output=True,
            timeout=30,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return tried.returncode == 0
