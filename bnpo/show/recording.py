"""Videos of a policy: an animated GIF and a sheet of still pictures, with pillow alone."""

from __future__ import annotations

import importlib
import io
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from bnpo.agent import Agent
from bnpo.envs import step_info
from bnpo.envs.rollout import Rollout
from bnpo.errors import RecordingError
from bnpo.files import replacing
from bnpo.seeding import EVALUATION_SEED
from bnpo.show.page import Page, image
from bnpo.show.scenes import FPS, Scene, scene

__all__ = ["Episode", "film", "play", "record", "watch", "write_gif", "write_mp4", "write_sheet"]

MOST = 250
"""Pictures of one episode at most; a longer one is shown faster than it went."""

_FEWEST = 60
"""Pictures of an episode that are still a film; where time is short there are fewer episodes."""

_ENDLESS = 1_000
"""Steps that are shown of an episode that nothing limits, where it does not end before."""

_SHEET_WIDTH = 2000
"""Pixels of a sheet's width, at most."""

_GAP = 8
"""Pixels between the pictures of a sheet."""

_PAUSE_MS = 600
"""How long an episode's last picture stays."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """Pictures of one episode, or of those that several environments go through together."""

    frames: list[Image.Image]
    """Pictures, the first before the first step"""

    steps: list[int]
    """How many steps had been taken at each picture; all of them at the last"""

    environments: int
    """How many environments are in each picture"""

    total_return: float
    """Undiscounted sum of rewards, mean over the environments"""

    success: float | None
    """``is_success`` at the last step, mean over the environments; None where they do not say"""

    frame_ms: int
    """Milliseconds from picture to picture"""

    counts_steps: bool
    """Whether the environment's pictures tell the step themselves"""


def record(
    agent: Agent, folder: Path, episodes: int = 4, *, seconds: float | None = None
) -> tuple[Path, ...]:
    """Write ``policy.gif`` and ``policy.png``, the first episode's sheet, into a folder.

    ``policy.mp4`` comes with them where imageio-ffmpeg is installed (extra ``video``).

    Args:
        agent: whose mean action is shown, on the first evaluation seeds
        folder: where the files go
        episodes: how many
        seconds: that drawing may take; what is drawn slowly gets fewer pictures and episodes; None:
            as long as it takes

    Returns:
        The paths of video, sheet and, where it was written, the second video.

    Raises:
        RecordingError: the environment cannot be drawn here, or a file cannot be written.

    """
    played = [*play(agent, episodes, seconds=seconds)]
    clip, sheet = folder / "policy.gif", folder / "policy.png"
    try:
        write_gif(played, clip)
        write_sheet(played[0], sheet)
        films = write_mp4(*_captioned_frames(played), folder / "policy.mp4")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RecordingError(f"{error.filename or folder} cannot be written: {reason}") from None
    return clip, sheet, *films


def film(agent: Agent, path: Path, *, seconds: float = 2.0) -> Path:
    """Write one episode of an agent's mean action as an animated GIF; return its path.

    Args:
        agent: whose policy acts, on the first evaluation seed
        path: of the file
        seconds: that drawing may take

    Raises:
        RecordingError: the environment cannot be drawn here.

    """
    write_gif([*play(agent, 1, seconds=seconds)], path)
    return path


def watch(agent: Agent, episodes: int = 1, steps: int | None = None, width: int = 480) -> Page:
    """Play with an agent's mean action; return the video as part of the page.

    Args:
        agent: whose policy acts, on the first evaluation seeds
        episodes: how many
        steps: of each episode at most; None: all, of environments without an end 1,000
        width: of the picture at most (pixels)

    Raises:
        RecordingError: the environment cannot be drawn here.

    """
    frames, durations = _captioned_frames([*play(agent, episodes, steps)])
    data = io.BytesIO()
    _animate(frames, durations, data, "WEBP", quality=60)
    return Page(image(data.getvalue(), "webp", min(width, frames[0].width)))


def play(
    agent: Agent, episodes: int, steps: int | None = None, *, seconds: float | None = None
) -> Iterator[Episode]:
    """Play episodes with the mean action on the first evaluation seeds, and draw them.

    Where several environments share a picture, each picture counts as that many episodes. A bar
    shows how far the drawing is, where the standard error is a terminal.

    Args:
        agent: whose mean action is shown
        episodes: how many
        steps: of each episode at most; None: all
        seconds: that the pictures may take to draw, by which their number is chosen before

    Raises:
        RecordingError: the environment cannot be drawn here.

    """
    with scene(agent) as view:
        together = view.envs.num_envs
        rounds = -(-episodes // together)
        longest = int(min(agent.spec.max_episode_steps or _ENDLESS, steps or math.inf))
        rounds, most = _affordable(view, rounds, seconds)
        stride = max(1, round(view.fps / FPS), math.ceil(longest / most))
        terminal: Any = getattr(sys.stderr, "__wrapped__", sys.stderr)
        with tqdm(
            total=rounds * (1 + longest // stride),
            desc="drawing the film",
            unit="picture",
            file=terminal,
            disable=not terminal.isatty(),
            leave=False,
        ) as bar:
            for first in range(rounds):
                seed = EVALUATION_SEED + first * together
                yield _play(agent, view, seed, longest, stride, bar)


def _affordable(view: Scene, rounds: int, seconds: float | None) -> tuple[int, int]:
    """Return how many rounds of episodes, and pictures of each at most, can be drawn in a time."""
    if seconds is None:
        return rounds, MOST
    view.envs.reset(seed=EVALUATION_SEED)
    view.picture()  # the first one opens what draws
    started = time.perf_counter()
    view.picture()
    pictures = int(seconds / max(time.perf_counter() - started, 1e-4))
    rounds = min(rounds, max(1, pictures // _FEWEST))
    return rounds, min(MOST, max(pictures // rounds, _FEWEST // 2))


def _play(
    agent: Agent, view: Scene, seed: int, longest: int, stride: int, bar: tqdm[Any]
) -> Episode:
    envs, policy, number = view.envs, agent.policy, view.envs.num_envs
    rollout = Rollout(envs, policy, envs.reset(seed=seed)[0], checks=False)
    frames, steps = [view.picture()], [0]
    total, taken, ended = 0.0, 0, False
    while not ended:
        step = rollout.step(policy.decide(rollout.observation))
        total += float(rollout.reward.sum()) / number
        taken += 1
        ended = bool((step.terminated | step.truncated).all()) or taken >= longest
        if ended or taken % stride == 0:
            frames.append(view.picture())
            steps.append(taken)
            bar.update()
    success = float(step_info(rollout.infos, "is_success", number).mean())
    return Episode(
        frames=frames,
        steps=steps,
        environments=number,
        total_return=total,
        success=None if math.isnan(success) else success,
        frame_ms=max(20, round(100 * max(1, round(view.fps / FPS)) / view.fps) * 10),
        counts_steps=agent.spec.env_id.startswith("bnpo/"),
    )


def write_gif(episodes: Sequence[Episode], path: Path) -> None:
    """Write episodes one after the other as an animated GIF that repeats."""
    frames, durations = _captioned_frames(episodes)
    chosen = np.linspace(0, len(frames) - 1, 16).round().astype(int)
    ends = np.cumsum([len(episode.frames) for episode in episodes]) - 1
    several = np.concatenate([np.asarray(frames[index]) for index in (*chosen, *ends[:16])])
    palette = Image.fromarray(several).quantize(colors=256)
    reduced = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    with replacing(path) as temporary:
        _animate(reduced, durations, temporary, "GIF", optimize=False)


def write_mp4(frames: list[Image.Image], durations: list[int], path: Path) -> tuple[Path, ...]:
    """Write pictures as H.264, where imageio-ffmpeg is installed; return the path, or nothing.

    Args:
        frames: of one size
        durations: how long each stays (milliseconds)
        path: of the file

    """
    try:
        ffmpeg: Any = importlib.import_module("imageio_ffmpeg")
    except ImportError:
        return ()
    width, height = (side + side % 2 for side in frames[0].size)  # H.264 has even sides
    beat = min(durations)
    with replacing(path) as temporary:
        writer = ffmpeg.write_frames(
            str(temporary),
            (width, height),
            fps=1000 / beat,
            macro_block_size=1,
            output_params=["-f", "mp4"],
        )
        writer.send(None)
        for frame, duration in zip(frames, durations, strict=True):
            canvas = Image.new("RGB", (width, height), "white")
            canvas.paste(frame, (0, 0))
            for _ in range(max(1, round(duration / beat))):
                writer.send(canvas.tobytes())
        writer.close()
    return (path,)


def _animate(
    frames: list[Image.Image],
    durations: list[int],
    file: Path | IO[bytes],
    kind: str,
    **options: Any,
) -> None:
    """Write pictures that follow each other and repeat; durations in milliseconds."""
    following: dict[str, Any] = {"append_images": frames[1:], "duration": durations}
    frames[0].save(file, format=kind, save_all=True, loop=0, **following, **options)


def _captioned_frames(episodes: Sequence[Episode]) -> tuple[list[Image.Image], list[int]]:
    """Pictures of episodes one after the other, of one size, and how long each stays (ms)."""
    frames, durations = [], []
    size = episodes[0].frames[0].size
    for number, episode in enumerate(episodes, 1):
        for step, frame in zip(episode.steps, episode.frames, strict=True):
            last = step == episode.steps[-1]
            picture = frame if frame.size == size else frame.resize(size)
            parts = [f"episode {number}", *([] if episode.counts_steps else [f"step {step}"])]
            frames.append(_captioned(picture, "   ".join(parts + [_outcome(episode)] * last)))
            durations.append(_PAUSE_MS if last else episode.frame_ms)
    return frames, durations


def write_sheet(episode: Episode, path: Path, columns: int = 4, rows: int = 2) -> None:
    """Write pictures of one episode, evenly spaced in time, as one PNG.

    Wide ones, of many environments, get fewer columns, so that none is made smaller.
    """
    columns = max(1, min(columns, _SHEET_WIDTH // (episode.frames[0].width + _GAP)))
    count = min(columns * rows, len(episode.frames))
    chosen = np.linspace(0, len(episode.frames) - 1, count).round().astype(int)
    pictures = [episode.frames[index].copy() for index in chosen]
    if not episode.counts_steps:
        pictures = [_captioned(episode.frames[i], f"step {episode.steps[i]}") for i in chosen]
    columns = min(columns, count)
    for picture in pictures:
        picture.thumbnail((_SHEET_WIDTH // columns - _GAP, _SHEET_WIDTH), Image.Resampling.LANCZOS)
    width, height = pictures[0].size
    rows = -(-count // columns)
    size = (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP)
    sheet = Image.new("RGB", size, "white")
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet.paste(picture, (column * (width + _GAP), row * (height + _GAP)))
    with replacing(path) as temporary:
        sheet.save(temporary, format="PNG")


def _outcome(episode: Episode) -> str:
    if episode.success is None:
        return f"return {episode.total_return:.1f}"
    if episode.environments > 1:
        return f"success rate {episode.success:.2f}"
    return "success" if episode.success else "no success"


def _captioned(frame: Image.Image, text: str) -> Image.Image:
    """Put a line of text under a picture."""
    height = 22
    picture = Image.new("RGB", (frame.width, frame.height + height), "white")
    picture.paste(frame, (0, 0))
    ImageDraw.Draw(picture).text((6, frame.height + 3), text, fill="#464a52", font=_font())
    return picture


def _font() -> Any:
    return ImageFont.load_default(size=14)
