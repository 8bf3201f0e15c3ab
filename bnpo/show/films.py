"""Films of episodes: an animated GIF, H.264 and a sheet of still pictures."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bnpo.files import replacing

__all__ = ["Episode", "animate", "captioned_frames", "write_gif", "write_mp4", "write_sheet"]

_SHEET_WIDTH = 2000
"""Largest width of a sheet (pixels)."""

_GAP = 8
"""Distance between the pictures of a sheet (pixels)."""

_PAUSE_MS = 600
"""Time for which an episode's last picture stays (milliseconds)."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """Pictures of one episode, or of those that several environments go through together."""

    frames: list[Image.Image]
    """Pictures, the first before the first step"""

    steps: list[int]
    """Number of steps taken at each picture; all of them at the last"""

    environments: int
    """Number of environments in each picture"""

    total_return: float
    """Undiscounted sum of rewards, mean over the environments"""

    success: float | None
    """``is_success`` at the last step, mean over the environments; None where they do not say"""

    frame_ms: int
    """Milliseconds from picture to picture"""

    counts_steps: bool
    """Whether the environment's pictures tell the step themselves"""


def write_gif(episodes: Sequence[Episode], path: Path) -> None:
    """Write episodes one after the other as an animated GIF that repeats."""
    frames, durations = captioned_frames(episodes)
    chosen = np.linspace(0, len(frames) - 1, 16).round().astype(int)
    ends = np.cumsum([len(episode.frames) for episode in episodes]) - 1
    several = np.concatenate([np.asarray(frames[index]) for index in (*chosen, *ends[:16])])
    palette = Image.fromarray(several).quantize(colors=256)
    reduced = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    with replacing(path) as temporary:
        animate(reduced, durations, temporary, "GIF", optimize=False)


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


def animate(
    frames: list[Image.Image],
    durations: list[int],
    file: Path | IO[bytes],
    kind: str,
    **options: Any,
) -> None:
    """Write pictures that follow each other and repeat; durations in milliseconds."""
    following: dict[str, Any] = {"append_images": frames[1:], "duration": durations}
    frames[0].save(file, format=kind, save_all=True, loop=0, **following, **options)


def captioned_frames(episodes: Sequence[Episode]) -> tuple[list[Image.Image], list[int]]:
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
