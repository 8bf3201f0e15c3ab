"""Recordings: grids of environments, long episodes, and machines on which none can be drawn."""

from __future__ import annotations

import base64
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

import bnpo
from bnpo.compose.composition import compose
from bnpo.errors import RecordingError
from bnpo.presets import build_agent
from bnpo.show import films, recording, scenes
from bnpo.show.recording import play, record


def test_no_way_to_draw_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def works(backend: str) -> bool:
        tried.append(backend)
        return False

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(scenes, "backend_works", works)
    with pytest.raises(RecordingError, match="MUJOCO_GL") as caught:
        scenes.choose_backend("FetchPush-v4")
    assert tried == ["egl", "osmesa", "glfw"]
    assert "\n" not in str(caught.value)


def test_the_first_backend_that_works_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "")
    monkeypatch.setattr(scenes, "backend_works", lambda backend: backend == "osmesa")
    scenes.choose_backend("FetchPush-v4")
    assert os.environ["MUJOCO_GL"] == "osmesa"


def test_a_backend_that_does_not_exist_does_not_work() -> None:
    assert not scenes.backend_works("nothing")


def test_twenty_arms_are_drawn_as_one_grid(tmp_path: Path) -> None:
    config = compose(["bpo", "moving_reacher"], {"env_kwargs": {"episode_steps": 12}, "seed": 0})
    agent = build_agent(config)
    (together,) = play(agent, 4)
    assert together.environments == 20
    assert together.steps == list(range(13))
    assert together.frames[0].size == (5 * 122 - 2, 4 * 122 - 2)
    video, sheet = record(agent, tmp_path, 4)
    with Image.open(video) as pictures, Image.open(sheet) as stills:
        assert pictures.n_frames == 13  # type: ignore[attr-defined]
        assert stills.width <= 2000


def test_a_long_episode_leaves_no_more_pictures_than_a_video_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "MOST", 10)
    agent = build_agent(compose(["ddpg_her", "goal_reacher"], {"seed": 0}))
    (episode,) = play(agent, 1)
    assert episode.steps == [*range(0, 51, 5)]


def test_a_page_holds_the_first_steps_as_a_video() -> None:
    agent = build_agent(compose(["ddpg_her", "goal_reacher"], {"seed": 0}))
    assert [episode.steps for episode in play(agent, 1, 3)] == [[0, 2, 3]]
    page = bnpo.watch(agent, steps=20)
    data = base64.b64decode(page._repr_html_().split("base64,")[1].split('"')[0])
    with Image.open(io.BytesIO(data)) as pictures:
        assert 1 < pictures.n_frames <= 11  # type: ignore[attr-defined]
    assert repr(page).startswith("Page(")


def test_what_pygame_draws_works_or_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = bnpo.make_agent("ppo", "Pendulum-v1", seed=0)
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(RecordingError) as caught:
        list(play(agent, 1, 3))
    assert str(caught.value) == (
        "Pendulum-v1 cannot be drawn: it is drawn with pygame: pip install 'bnpo[pygame]'"
    )


@pytest.mark.filterwarnings("ignore")
def test_pendulum_is_drawn_where_pygame_is(tmp_path: Path) -> None:
    pytest.importorskip("pygame", reason="the extra pygame is not installed")
    (episode,) = play(bnpo.make_agent("ppo", "Pendulum-v1", seed=0), 1, 3)
    assert episode.frames[0].getextrema() != ((255, 255),) * 3


def test_slow_pictures_are_fewer_before_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = bnpo.make_agent("ddpg_her", seed=0)
    drawn = []
    clock = iter(range(10**6))
    monkeypatch.setattr("bnpo.show.recording.time.perf_counter", lambda: next(clock) / 4)
    real = scenes.Scene.__init__

    def counting(self: scenes.Scene, envs: Any, picture: Any, fps: float) -> None:
        def count() -> Any:
            drawn.append(1)
            return picture()

        real(self, envs, count, fps)

    monkeypatch.setattr(scenes.Scene, "__init__", counting)
    # The trial picture takes a quarter of a second, so 8 seconds are 32 pictures: of one episode
    # instead of four, of 50 steps every second one, and its first state; two pictures were tried.
    (episode,) = play(agent, 4, seconds=8.0)
    assert episode.steps == [*range(0, 51, 2)]
    assert len(drawn) == 26 + 2


def test_a_film_is_an_mp4_as_well_where_ffmpeg_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [Image.new("RGB", (5, 4), shade) for shade in ("white", "black")]
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert films.write_mp4(frames, [40, 120], tmp_path / "film.mp4") == ()
    sent: list[Any] = []

    def write_frames(path: str, size: Any, *, fps: float, **_: Any) -> Any:
        Path(path).write_bytes(b"film")
        sent.append((size, fps))
        while (frame := (yield)) is not None:
            sent.append(len(frame))

    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", SimpleNamespace(write_frames=write_frames))
    assert films.write_mp4(frames, [40, 120], tmp_path / "film.mp4") == (tmp_path / "film.mp4",)
    # An even width; 25 pictures a second; the second stays for three of them.
    assert sent == [((6, 4), 25.0)] + [6 * 4 * 3] * 4


@pytest.mark.filterwarnings("ignore")
def test_ffmpeg_reads_what_it_wrote(tmp_path: Path) -> None:
    ffmpeg: Any = pytest.importorskip("imageio_ffmpeg", reason="the extra video is missing")
    frames = [Image.new("RGB", (65, 48), shade) for shade in ("red", "blue")]
    (path,) = films.write_mp4(frames, [40, 400], tmp_path / "film.mp4")
    reader = ffmpeg.read_frames(str(path))
    meta = next(reader)
    assert meta["size"] == (66, 48)
    assert len(list(reader)) == 11
