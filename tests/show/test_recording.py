"""Recordings: grids of environments, long episodes, and machines on which none can be drawn."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from PIL import Image

import bnpo
from bnpo.compose.composition import compose
from bnpo.errors import RecordingError
from bnpo.presets import build_agent
from bnpo.show import recording, scenes
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
