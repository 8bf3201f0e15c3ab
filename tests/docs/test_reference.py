"""Every public name is documented, and the check tells which is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pdoc", reason="the extra dev is not installed")

SCRIPT = Path(__file__).parents[2] / "docs" / "reference.py"


def reference(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the check where a module lies."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{cwd}:{SCRIPT.parents[1]}"},
        capture_output=True,
        text=True,
    )


def test_every_public_name_has_a_docstring() -> None:
    done = reference(cwd=SCRIPT.parents[1])
    assert (done.returncode, done.stderr) == (0, "")


MODULE = '''"""A module."""

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["LIMIT", "Documented", "Options", "act", "told"]

LIMIT = 3


@dataclass
class Options:
    """Options."""

    size: int = 1

    width: int = 2
    """Told."""

    kind: ClassVar[str] = "x"

    def grow(self) -> None:
        self.size += 1

    @property
    def area(self) -> int:
        return self.size

    def _private(self) -> None: ...


class Documented:
    """All of it."""

    def __init__(self) -> None:
        """Take nothing."""
        self.assigned = 1


def act() -> None: ...


def told() -> None:
    """Do nothing."""


def hidden() -> None: ...
'''


def test_what_is_undocumented_is_named(tmp_path: Path) -> None:
    (tmp_path / "undocumented.py").write_text(MODULE)
    done = reference("undocumented", cwd=tmp_path)
    names = {line.split()[0].removeprefix("undocumented.") for line in done.stderr.splitlines()}
    assert done.returncode == 1
    wrong = {"LIMIT", "act", "Options.size", "Options.kind", "Options.grow", "Options.area"}
    assert names == wrong
    (tmp_path / "silent.py").write_text("__all__ = []\n")
    assert "silent is public" in reference("silent", cwd=tmp_path).stderr
