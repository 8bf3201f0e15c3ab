"""Videos of a policy: its episodes, played and drawn."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bnpo.agent import Agent
from bnpo.agent.predicting import require_agent
from bnpo.envs import step_info
from bnpo.envs.rollout import Rollout
from bnpo.errors import RecordingError
from bnpo.seeding import EVALUATION_SEED
from bnpo.show.films import (
    Episode,
    animate,
    captioned_frames,
    write_gif,
    write_mp4,
    write_sheet,
)
from bnpo.show.page import Page, image
from bnpo.show.scenes import FPS, Scene, scene

__all__ = ["film", "play", "record", "watch"]

MOST = 250
"""Largest number of pictures of an episode; a longer one is shown faster than it went."""

_FEWEST = 60
"""Smallest number of pictures of an episode; where time is short there are fewer episodes."""

_ENDLESS = 1_000
"""Number of steps that are shown of an episode without a limit."""


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
        films = write_mp4(*captioned_frames(played), folder / "policy.mp4")
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
        ConfigError: what plays is no agent.

    """
    require_agent(agent)
    frames, durations = captioned_frames([*play(agent, episodes, steps)])
    data = io.BytesIO()
    animate(frames, durations, data, "WEBP", quality=60)
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
