"""The site: built without a warning and without another host; pictures and results are of today."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ARMS = DOCS / "arms.gif"


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the repository."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_results_and_rows_are_what_the_benchmarks_left() -> None:
    done = python("benchmarks/table.py", "--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2_000:]


def test_moving_picture_is_small() -> None:
    assert ARMS.read_bytes().startswith(b"GIF89a")
    assert ARMS.stat().st_size < 1_000_000


def test_every_room_is_drawn_above_what_it_imports() -> None:
    picture = ET.fromstring(python("-c", DRAW).stdout)
    svg = "{http://www.w3.org/2000/svg}"
    height: dict[str, tuple[float, list[str]]] = {}
    for box in picture:
        title, rect = box.find(f"{svg}title"), box.find(f"{svg}rect")
        if title is not None and rect is not None:
            room, _, sees = str(title.text).partition(" imports ")
            height[room.removeprefix("bnpo.")] = (float(rect.attrib["y"]), sees.split(", "))
    assert {"brains", "credit", "replay", "agent", "training", "bnpo"} <= set(height)
    for y, below in height.values():
        assert all(y < height[one][0] for one in below if one != "nothing")


DRAW = "import sys; sys.path.insert(0, 'docs'); import house; print(house.draw())"


@pytest.mark.slow
def test_site_is_built_without_a_warning_or_another_host(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    words = ("-q", "-W", "--keep-going", "-d", str(tmp_path / "doctrees"))
    done = python("-m", "sphinx", *words, "docs", str(tmp_path / "site"))
    assert (done.returncode, done.stderr) == (0, "")
    pages = [*(tmp_path / "site").rglob("*.html")]
    assert len(pages) >= 50
    fetched = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*(?:src|href)=\"(?:https?:)?//")
    assert [page.name for page in pages if fetched.search(page.read_text(encoding="utf-8"))] == []
