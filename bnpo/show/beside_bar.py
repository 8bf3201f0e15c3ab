"""What is printed beside a progress bar, by an environment in this process say."""

from __future__ import annotations

import contextlib
import sys
from contextlib import AbstractContextManager
from typing import Any

from tqdm import tqdm
from tqdm.contrib import DummyTqdmFile

__all__ = ["beside"]


def beside(bar: Any) -> AbstractContextManager[Any]:
    """Return a context in which the standard output has lines of its own, above a bar of tqdm."""
    if not isinstance(bar, tqdm) or bar.disable or not sys.stderr.isatty():
        return contextlib.nullcontext()
    return contextlib.redirect_stdout(DummyTqdmFile(sys.stdout))
