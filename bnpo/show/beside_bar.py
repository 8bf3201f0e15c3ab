"""What is printed beside a progress bar, by an environment in this process say."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["beside"]


class _Above:
    """A stream whose lines stand above a bar: the bar is wiped for them and drawn anew below."""

    def __init__(self, stream: TextIO, bar: Any) -> None:
        self._stream, self._bar = stream, bar
        self._begun = ""

    def write(self, text: str) -> int:
        """Write lines as soon as they are whole."""
        lines, end, self._begun = (self._begun + text).rpartition("\n")
        if end:
            self._bar.clear()
            self._stream.write(lines + end)
            self._stream.flush()
            self._bar.refresh()
        return len(text)

    def finish(self) -> None:
        """Write a line that was begun."""
        self._stream.write(self._begun)
        self._begun = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def beside(bar: Any) -> Iterator[None]:
    """Let what is printed have lines of its own, above a bar of tqdm that is on the screen."""
    if bar.disable:
        yield
        return
    above: Any = _Above(sys.stdout, bar)
    with contextlib.redirect_stdout(above):
        yield
    above.finish()
