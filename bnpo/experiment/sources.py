"""The source files of all four folders, wherever they are installed."""

from __future__ import annotations

import importlib
import os
import subprocess
from pathlib import Path

__all__ = ["commit", "common_folder", "source_files"]

_PACKAGES = ("bnpo", "bnpo.brains", "bnpo.credit", "bnpo.replay")


def _folders() -> list[Path]:
    """Return the real folder of each package: installed or at the root of a checkout."""
    modules = [importlib.import_module(name) for name in _PACKAGES]
    return [Path(str(module.__file__)).resolve().parent for module in modules]


def common_folder() -> str:
    """Return the folder that contains all of them, to which the files' names are relative."""
    return os.path.commonpath([str(folder.parent) for folder in _folders()])


def commit() -> str | None:
    """Return the commit of the git repository that the working folder is in, if it is in one."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def source_files() -> list[Path]:
    """Return every source file of the package."""
    return sorted({path.resolve() for folder in _folders() for path in folder.rglob("*.py")})
