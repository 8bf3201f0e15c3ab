"""Videos of a policy: an animated GIF and a sheet of still pictures, with pillow alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont

from bnpo.agent import Agent
from bnpo.envs import as_goal_observation, make_env
from bnpo.evaluation import EVALUATION_SEED

__all__ = ["Episode", "RecordingError", "play", "record", "write_gif", "write_sheet"]

_FPS = 25
"""Pictures per second of the environment's time, about and at most."""

_WIDTH = 320
"""Pixels of a picture's longer side."""

_PAUSE_MS = 600
"""How long an episode's last picture stays."""

_BACKENDS = ("egl", "osmesa", "glfw")

_PROBE = """
import mujoco
context = mujoco.GLContext(32, 32)
context.make_current()
model = mujoco.MjModel.from_xml_string("<mujoco/>")
mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
"""


class RecordingError(RuntimeError):
    """An environment that cannot be drawn here, and why."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """Pictures of one episode."""

    frames: list[Image.Image]
    """Pictures, the first before the first step"""

    steps: list[int]
    """How many steps had been taken at each picture; all of them at the last"""

    total_return: float
    """Undiscounted sum of its rewards"""

    success: bool | None
    """``is_success`` at its last step; None where the environment does not say"""

    frame_ms: int
    """Milliseconds from picture to picture"""

    counts_steps: bool
    """Whether the environment's pictures tell the step themselves"""


def record(agent: Agent, folder: Path, episodes: int = 4) -> tuple[Path, Path]:
    """Write ``policy.gif`` and ``policy.png``, the first episode's sheet, into a folder.

    Args:
        agent: whose mean action is shown, on the first evaluation seeds
        folder: where the files go
        episodes: how many

    Returns:
        The paths of video and sheet.

    Raises:
        RecordingError: the environment cannot be drawn here.

    """
    played = [*play(agent, episodes)]
    video, sheet = folder / "policy.gif", folder / "policy.png"
    write_gif(played, video)
    write_sheet(played[0], sheet)
    return video, sheet


def play(agent: Agent, episodes: int) -> Iterator[Episode]:
    """Play episodes with the mean action on the first evaluation seeds, and draw them.

    Raises:
        RecordingError: the environment cannot be drawn here.

    """
    with _drawable(agent) as env:
        fps = float(env.metadata.get("render_fps", 25))
        stride = max(1, round(fps / _FPS))
        frame_ms = max(20, round(100 * stride / fps) * 10)
        for index in range(episodes):
            yield _play(agent, env, EVALUATION_SEED + index, stride, frame_ms)


def _play(agent: Agent, env: Any, seed: int, stride: int, frame_ms: int) -> Episode:
    shown, _ = env.reset(seed=seed)
    frames, steps = [_frame(env)], [0]
    total, success, ended, step = 0.0, None, False, 0
    while not ended:
        batch = {key: value[None] for key, value in _goal_observation(shown).items()}
        with torch.no_grad():
            action = agent.best_action(agent.tensors(batch))[0].cpu().numpy()
        shown, reward, terminated, truncated, info = env.step(action)
        total += float(np.sum(reward))
        said = info.get("is_success", info.get("success"))
        success = None if said is None else bool(said)
        ended = bool(terminated or truncated)
        step += 1
        if ended or step % stride == 0:
            frames.append(_frame(env))
            steps.append(step)
    return Episode(
        frames=frames,
        steps=steps,
        total_return=total,
        success=success,
        frame_ms=frame_ms,
        counts_steps=agent.spec.env_id.startswith("bnpo/"),
    )


def _goal_observation(shown: Any) -> dict[str, npt.NDArray[Any]]:
    if isinstance(shown, dict):
        return shown
    return {key: value[0] for key, value in as_goal_observation(np.asarray(shown)[None]).items()}


def _frame(env: Any) -> Image.Image:
    """Return the environment's picture, no larger than a video needs."""
    image = Image.fromarray(np.asarray(env.render(), np.uint8))
    image.thumbnail((_WIDTH, _WIDTH), Image.Resampling.LANCZOS)
    return image


def write_gif(episodes: Sequence[Episode], path: Path) -> None:
    """Write episodes one after the other as an animated GIF that repeats."""
    frames, durations = [], []
    for number, episode in enumerate(episodes, 1):
        for step, frame in zip(episode.steps, episode.frames, strict=True):
            last = step == episode.steps[-1]
            parts = [f"episode {number}", *([] if episode.counts_steps else [f"step {step}"])]
            frames.append(_captioned(frame, "   ".join(parts + [_outcome(episode)] * last)))
            durations.append(_PAUSE_MS if last else episode.frame_ms)
    chosen = np.linspace(0, len(frames) - 1, 16).round().astype(int)
    ends = np.cumsum([len(episode.frames) for episode in episodes]) - 1
    several = np.concatenate([np.asarray(frames[index]) for index in (*chosen, *ends[:16])])
    palette = Image.fromarray(several).quantize(colors=256)
    reduced = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    reduced[0].save(
        temporary,
        format="GIF",
        save_all=True,
        append_images=reduced[1:],
        duration=durations,
        loop=0,
        optimize=False,
    )
    temporary.replace(path)


def write_sheet(episode: Episode, path: Path, columns: int = 4, rows: int = 2) -> None:
    """Write pictures of one episode, evenly spaced in time, as one PNG."""
    count = min(columns * rows, len(episode.frames))
    chosen = np.linspace(0, len(episode.frames) - 1, count).round().astype(int)
    pictures = [episode.frames[index] for index in chosen]
    if not episode.counts_steps:
        pictures = [_captioned(episode.frames[i], f"step {episode.steps[i]}") for i in chosen]
    width, height = pictures[0].size
    columns = min(columns, count)
    sheet = Image.new("RGB", (columns * width, -(-count // columns) * height), "white")
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % columns * width, index // columns * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, format="PNG")


def _outcome(episode: Episode) -> str:
    if episode.success is None:
        return f"return {episode.total_return:.1f}"
    return "success" if episode.success else "no success"


def _captioned(frame: Image.Image, text: str) -> Image.Image:
    """Put a line of text under a picture."""
    height = 18
    made = Image.new("RGB", (frame.width, frame.height + height), "white")
    made.paste(frame, (0, 0))
    ImageDraw.Draw(made).text((6, frame.height + 3), text, fill="#464a52", font=_font())
    return made


def _font() -> Any:
    return ImageFont.load_default()


@contextmanager
def _drawable(agent: Agent) -> Iterator[Any]:
    """Make the agent's environment so that it returns pictures."""
    spec = agent.spec
    settings = {**agent.env_kwargs, "render_mode": "rgb_array"}
    try:
        env = make_env(spec.env_id, **settings)
    except ValueError as error:
        raise RecordingError(f"{spec.env_id} cannot be drawn: {error}") from None
    try:
        if _drawn_by_mujoco(env.unwrapped):
            _choose_backend(spec.env_id)
        yield env
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
