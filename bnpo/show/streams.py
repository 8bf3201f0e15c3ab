"""Standard streams that may be lost: the reader goes away, a disk is full, and the work goes on."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

__all__ = ["LenientStream", "lost_output", "use_lenient_streams"]


class LenientStream:
    """A stream to write to that keeps its first failure and does not raise it.

    What is written after that is lost.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to a stream."""
        self._stream = stream
        self.lost: OSError | None = None
        """First failure of the stream; None so far."""

    def write(self, text: str) -> int:
        """Write text, unless the stream has failed."""
        self._try(self._stream.write, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines, unless the stream has failed."""
        self._try(self._stream.writelines, lines)

    def flush(self) -> None:
        """Flush the stream, unless it has failed."""
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute of the stream."""
        return getattr(self._stream, name)

    def _try(self, method: Callable[..., Any], *args: Any) -> None:
        if self.lost is not None:
            return
        try:
            method(*args)
        except OSError as error:
            self.lost = error
            # The stream still holds what it could not write, and would try again at the end.
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


def use_lenient_streams() -> None:
    """Let no failure of the standard streams end this process."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed when Python began
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
        if not isinstance(stream, LenientStream):
            setattr(sys, name, LenientStream(stream))


def lost_output() -> str | None:
    """Return why the standard output was lost; None where it was not, or its reader had enough."""
    error = getattr(sys.stdout, "lost", None)
    if error is None or isinstance(error, BrokenPipeError):
        return None
    return f"the output cannot be written: {error.strerror or type(error).__name__}"
