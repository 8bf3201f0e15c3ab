"""Where datasets of the tests lie."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty store of datasets."""
    folder = tmp_path_factory.mktemp("datasets")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder))
    return folder
