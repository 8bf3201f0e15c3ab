"""Drawing where drawing is not possible."""

from __future__ import annotations

import os

import pytest

from bnpo import recording
from bnpo.recording import RecordingError


def test_no_way_to_draw_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def works(backend: str) -> bool:
        tried.append(backend)
        return False

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(recording, "_works", works)
    with pytest.raises(RecordingError, match="MUJOCO_GL") as caught:
        recording._choose_backend("FetchPush-v4")
    assert tried == ["egl", "osmesa", "glfw"]
    assert "\n" not in str(caught.value)


def test_the_first_backend_that_works_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "")
    monkeypatch.setattr(recording, "_works", lambda backend: backend == "osmesa")
    recording._choose_backend("FetchPush-v4")
    assert os.environ["MUJOCO_GL"] == "osmesa"


def test_a_backend_that_does_not_exist_does_not_work() -> None:
    assert not recording._works("nothing")
