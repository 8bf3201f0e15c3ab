"""What makes a Jupyter notebook feel at home: tables, a live learning curve, videos, interrupts.

Nothing here is needed outside of a notebook, and IPython is asked for only where it runs already.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import importlib
import inspect
import io
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from bnpo.config import BrainDescription

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.history import History

__all__ = [
    "BrainList",
    "LiveBar",
    "agent_table",
    "brain_table",
    "field_meanings",
    "history_table",
    "html_table",
    "in_notebook",
    "interruptible",
    "video",
]

_REFRESH_S = 0.25
"""Seconds between two redraws of the bar."""

_ROWS = 12
"""Evaluations that a history shows; the rest is left out of the middle."""

_CELL = "text-align:{align};padding:2px 8px;vertical-align:top"


class Page:
    """A piece of HTML as the result of a cell."""

    def __init__(self, content: str) -> None:
        """Hold this content."""
        self.content = content

    def _repr_html_(self) -> str:
        return self.content


class BrainList(tuple[BrainDescription, ...]):
    """The brains of an agent: a tuple that a notebook shows as one table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return brain_table(self).content


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    return getattr(_shell(), "kernel", None) is not None


def _shell() -> Any:
    """Return IPython's shell where one runs, without importing IPython."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


# --- tables ---


def html_table(
    heads: Sequence[str], rows: Iterable[Sequence[Any]], caption: str | None = None
) -> str:
    """Return an HTML table; numbers are aligned to the right and everything is escaped."""

    def line(tag: str, cells: Sequence[Any]) -> str:
        return "<tr>" + "".join(_cell(tag, cell) for cell in cells) + "</tr>"

    title = ""
    if caption:
        title = f'<caption style="text-align:left">{html.escape(caption)}</caption>'
    body = "".join(line("td", row) for row in rows)
    return f"<table>{title}<thead>{line('th', heads)}</thead><tbody>{body}</tbody></table>"


def _cell(tag: str, value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    style = _CELL.format(align="right" if number else "left")
    return f'<{tag} style="{style}">{html.escape(_text(value))}</{tag}>'


def _text(value: Any) -> str:
    """Return what a table shows of a value."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.0e}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _choices(value)
    return str(getattr(value, "__name__", value))


def _choices(value: Any) -> str:
    """Return a configuration object with the fields alone that are not at their default."""
    chosen = [
        f"{field.name}={_text(getattr(value, field.name))}"
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    ]
    return f"{type(value).__name__}({', '.join(chosen)})"


def field_meanings(kind: type[Any]) -> dict[str, str]:
    """Return the docstring under each field of a configuration class."""
    found = re.findall(
        r'^    (\w+): [^\n]+(?:\n(?!    """)[^\n]+)*?\n    """(.*?)"""',
        inspect.getsource(kind),
        flags=re.DOTALL | re.MULTILINE,
    )
    return {name: " ".join(text.split()) for name, text in found}


def brain_table(brains: Iterable[BrainDescription], *, meanings: bool = False) -> Page:
    """Return the fields of brains side by side, without those that all leave at their default.

    Args:
        brains: of one list
        meanings: add what each field does, and show every field

    """
    brains = tuple(brains)
    told = field_meanings(BrainDescription)
    defaults = {name: getattr(BrainDescription, name, inspect.Parameter.empty) for name in told}
    rows: list[list[Any]] = []
    for name, meaning in told.items():
        values = [getattr(brain, name) for brain in brains]
        if name == "name" or (not meanings and all(value == defaults[name] for value in values)):
            continue
        rows.append([name, *values, *([meaning] if meanings else [])])
    names = [brain.name or f"brain {index}" for index, brain in enumerate(brains)]
    return Page(html_table(["field", *names, *(["meaning"] if meanings else [])], rows))


def agent_table(agent: Agent) -> str:
    """Return task and brains of an agent as HTML."""
    spec, config = agent.spec, agent.config
    title = (
        f"Agent on {spec.env_id}, seed {agent.seed}: {agent.env_steps:,} environment steps, "
        f"{agent.gradient_steps:,} gradient steps, γ = {config.gamma:g}, "
        f"actor {'×'.join(map(str, config.networks.actor_hidden))}, "
        f"critic {'×'.join(map(str, config.networks.critic_hidden))}"
    )
    rows = []
    for learner in agent.learners:
        brain = learner.description
        rows.append(
            [
                learner.name,
                learner.brain.rule,
                learner.scheme,
                learner.law,
                f"{brain.learning_repeat:,} every {brain.learning_delay:,} steps",
                f"{len(learner.pool):,} of {brain.optim_pool_size:,}",
                learner.gradient_steps,
            ]
        )
    heads = ["brain", "rule", "credit", "sampler", "gradient steps per turn", "pool", "taken"]
    return html_table(heads, rows, title)


def history_table(history: History) -> str:
    """Return the evaluations of a run as HTML, those in the middle left out of a long one."""
    columns = {
        "env_steps": "environment steps",
        "gradient_steps": "gradient steps",
        "wall_s": "training s",
        "success_rate": "success rate",
        "mean_return": "mean return",
        "mean_score": "mean score",
    }
    shown = {key: head for key, head in columns.items() if any(_has(r, key) for r in history)}
    records = list(history)
    rows = [[_rounded(getattr(record, key)) for key in shown] for record in records]
    if len(rows) > _ROWS:
        half = _ROWS // 2
        rows = [*rows[:half], ["…"] * len(shown), *rows[-half:]]
    return html_table(list(shown.values()), rows, repr(history))


def _has(record: Any, key: str) -> bool:
    return getattr(record, key) is not None


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


# --- progress ---


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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
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
        picture = Page(_image(_png(self.curve()), "png", 480))
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


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """In a notebook, let the first interrupt end the run in good order, the second at once.

    Whoever handles the signal already keeps it; elsewhere this does nothing.

    Args:
        stop: ends the run after its current step

    """
    usable = in_notebook() and threading.current_thread() is threading.main_thread()
    if not usable or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def handle(_signum: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# --- pictures ---


def video(path: str | Path, width: int = 320) -> Page:
    """Return a GIF file as part of the page, so that a saved notebook holds it."""
    return Page(_image(Path(path).read_bytes(), "gif", width))


def _image(data: bytes, kind: str, width: int) -> str:
    text = base64.b64encode(data).decode()
    return f'<img src="data:image/{kind};base64,{text}" width="{width}">'


def _png(figure: Any, dpi: int = 80) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _register() -> None:
    """Teach the notebook to show figures and single brains."""
    formatters = _shell().display_formatter.formatters
    formatters["image/png"].for_type_by_name("matplotlib.figure", "Figure", _png)
    formatters["text/html"].for_type(BrainDescription, lambda brain: brain_table([brain]).content)


if in_notebook():
    _register()
