"""A progress bar with a learning curve."""

from __future__ import annotations

import html
import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from bnpo.show.page import Page, image, png

__all__ = ["LiveBar"]

_REFRESH_S = 0.25
"""Time between two redraws of the bar (seconds)."""


class LiveBar:
    """A progress bar with a learning curve under it, redrawn in place.

    It has of tqdm's bar what a training run uses. It is an output of the cell, not a stream, so
    what captures streams (sacred) does not swallow it, and it stays in the saved notebook.
    """

    def __init__(self, total: int, initial: int, curve: Callable[[], Any]) -> None:
        """Show an empty bar.

        Args:
            total: steps of the run
            initial: steps already taken
            curve: draws the learning curve, a matplotlib figure

        """
        self.total, self.done, self.initial = total, initial, initial
        self.curve = curve
        self.notes = ""
        self.started = self.drawn = time.monotonic()
        self._display: Any = importlib.import_module("IPython.display").display
        self._bar = self._display(Page(self._html()), display_id=True)
        self._picture: Any = None

    def close(self) -> None:
        """Show the bar as it stands at the end."""
        self._draw()

    def update(self, steps: int) -> None:
        """Count steps."""
        self.done += steps
        if time.monotonic() - self.drawn >= _REFRESH_S:
            self._draw()

    def set_postfix(self, headline: Mapping[str, str]) -> None:
        """Show an evaluation and the learning curve up to it."""
        self.notes = ", ".join(f"{key} {value}" for key, value in headline.items())
        self._draw()
        picture = Page(image(png(self.curve()), "png", 480))
        if self._picture is None:
            self._picture = self._display(picture, display_id=True)
        else:
            self._picture.update(picture)

    def _draw(self) -> None:
        self.drawn = time.monotonic()
        self._bar.update(Page(self._html()))

    def _html(self) -> str:
        seconds = max(time.monotonic() - self.started, 1e-6)
        speed = (self.done - self.initial) / seconds
        parts = [f"{self.done:,} of {self.total:,} steps", f"{seconds:.0f} s"]
        if speed:
            parts += [f"{speed:,.0f} steps/s"]
            left = (self.total - self.done) / speed
            parts += [f"{left:.0f} s left"] if left >= 1 else []
        text = html.escape(", ".join([*parts, *([self.notes] if self.notes else [])]))
        return (
            f'<progress value="{min(self.done, self.total)}" max="{self.total}" '
            f'style="width:240px"></progress> <span>{text}</span>'
        )
