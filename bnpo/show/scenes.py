"""What a recording shows: one environment, or a batch of them as a grid, drawn without a window."""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from PIL import Image

from bnpo.agent import Agent
from bnpo.envs import make_env, make_vector_env
from bnpo.envs.lookup import create, discard, find_spec, is_of_gymnasium
from bnpo.envs.python import python
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.errors import RecordingError, WorkerError, headline

__all__ = ["FPS", "Scene", "scene"]

FPS = 25
"""Number of pictures per second of an environment that does not say."""

_WIDTH = 320
"""Longer side of one environment's picture (pixels)."""

_CELL = 120
"""Side of an environment's picture in a grid (pixels)."""

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
    """Vector environment that does not reset by itself"""

    picture: Callable[[], Image.Image]
    """Function that draws the environments as they are"""

    fps: float
    """Number of steps per second of the environment's own time"""


@contextmanager
def scene(agent: Agent) -> Iterator[Scene]:
    """Make the agent's environment so that it returns pictures.

    An environment whose metadata hold ``render_grid`` is drawn as a grid of so many. One that is
    not Gymnasium's own is played in a worker process, which it may take down or hang.

    Raises:
        RecordingError: the environment cannot be drawn here; what it raises while the scene is
            played is told so, too.

    """
    env_id = agent.spec.env_id
    settings = {**agent.env_kwargs, "render_mode": "rgb_array"}
    with ExitStack() as opened:
        try:
            yield _scene_of(env_id, settings, opened)
        except RecordingError:
            raise
        except WorkerError as error:
            raise RecordingError(f"{env_id} cannot be drawn: {error.headline}") from error
        except DependencyNotInstalled as error:
            remedy = str(error)
            if "pygame" in remedy:
                remedy = "it is drawn with pygame: pip install 'bnpo[pygame]'"
            raise RecordingError(f"{env_id} cannot be drawn: {remedy}") from error
        except ValueError as error:
            raise RecordingError(f"{env_id} cannot be drawn: {error}") from error
        except Exception as error:
            raise RecordingError(f"{env_id} cannot be drawn: {headline(error)}") from error


def _scene_of(env_id: str, settings: dict[str, Any], opened: ExitStack) -> Scene:
    """Make a scene; what it opens is closed with ``opened``."""
    env: Any = make_env(env_id, **settings)
    together, fps = int(env.metadata.get("render_grid", 1)), _fps(env.metadata)
    if together > 1:
        discard(env)
        env = make_vector_env(env_id, together, threads=0, autoreset_mode="DISABLED", **settings)
        opened.callback(env.close)
        return Scene(env, lambda: Image.fromarray(env.draw_grid(size=_CELL)), fps)
    if drawn_by_mujoco(env.unwrapped):
        choose_backend(env_id)
        _draw_plainly(env.unwrapped)
    if is_of_gymnasium(find_spec(env_id)):
        batch: Any = SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.DISABLED)
    else:
        discard(env)
        batch = WorkerVectorEnv(
            partial(create, find_spec(env_id), settings),
            num_envs=1,
            autoreset_mode=AutoresetMode.DISABLED,
            in_caller=False,
        )
    opened.callback(batch.close)
    return Scene(batch, lambda: _picture(batch.call("render")[0]), fps)


def _fps(metadata: Mapping[str, Any]) -> float:
    """Pictures per second that an environment asks for, where it asks for a positive number."""
    asked = metadata.get("render_fps")
    if isinstance(asked, bool) or not isinstance(asked, int | float | np.number):
        return FPS
    return float(asked) if 0 < asked < math.inf else FPS


def _picture(rendered: Any) -> Image.Image:
    """Take what an environment has drawn.

    Raises:
        RecordingError: it is no picture.

    """
    pixels = np.asarray(rendered)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype.kind not in "ui":
        what = "nothing" if rendered is None else f"{pixels.dtype} of shape {pixels.shape}"
        raise RecordingError(
            f"render() returned {what}: allowed are whole numbers of shape (height, width, 3)"
        )
    image = Image.fromarray(pixels.astype(np.uint8)).convert("RGB")
    image.thumbnail((_WIDTH, _WIDTH), Image.Resampling.HAMMING)
    return image


def drawn_by_mujoco(env: Any) -> bool:
    """Return whether an environment, or one that it holds (the Maze family), draws with MuJoCo."""
    held = [env, *getattr(env, "__dict__", {}).values()]
    return any(hasattr(one, "mujoco_renderer") for one in held)


def _draw_plainly(env: Any) -> None:
    """Draw coarse shadows and smooth nothing: pictures are made smaller, and drawn by a processor.

    That is four times as fast.
    """
    for one in (env, *vars(env).values()):
        quality = getattr(getattr(getattr(one, "model", None), "vis", None), "quality", None)
        if quality is not None:
            quality.shadowsize, quality.offsamples = 1_024, 0


def choose_backend(env_id: str) -> None:
    """Set MUJOCO_GL to the first way of drawing without a window that works on this machine."""
    wanted = os.environ.get("MUJOCO_GL")
    backends = (wanted,) if wanted else _BACKENDS
    for backend in backends:
        if backend_works(backend):
            os.environ["MUJOCO_GL"] = backend
            return
    raise RecordingError(
        f"{env_id} is drawn with OpenGL, and none of {', '.join(backends)} works here: install "
        "one (Debian: libegl1 with libgl1-mesa-dri, or libosmesa6) or set MUJOCO_GL"
    )


def backend_works(backend: str) -> bool:
    """Try a backend in a process of its own, which it may take down."""
    environment = {**os.environ, "MUJOCO_GL": backend, "PYTHONSAFEPATH": "1"}
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
