"""What makes a Jupyter notebook feel at home: tables, a live learning curve, interrupts.

Nothing here is needed outside of a notebook, and IPython is asked for only where it runs already.
"""

from typing import Any

from bnpo.config import BrainDescription
from bnpo.show.kernel import in_notebook, interruptible, shell
from bnpo.show.live_bar import LiveBar
from bnpo.show.page import Page, png
from bnpo.show.tables import (
    agent_table,
    brain_table,
    history_table,
    html_table,
)

__all__ = [
    "LiveBar",
    "Page",
    "agent_table",
    "brain_table",
    "history_table",
    "html_table",
    "in_notebook",
    "interruptible",
]


def _brains(value: tuple[Any, ...]) -> str | None:
    """Show a tuple of brain descriptions as one table; leave every other tuple alone."""
    if value and all(isinstance(one, BrainDescription) for one in value):
        return brain_table(value).content
    return None


def _register() -> None:
    """Teach the notebook to show figures, brains, agents and histories."""
    formatters = shell().display_formatter.formatters
    formatters["image/png"].for_type_by_name("matplotlib.figure", "Figure", png)
    html = formatters["text/html"]
    html.for_type(BrainDescription, lambda brain: brain_table([brain]).content)
    html.for_type_by_name("bnpo.agent.agent", "Agent", agent_table)
    html.for_type_by_name("bnpo.types.history", "History", history_table)
    html.for_type(tuple, _brains)


if in_notebook():
    _register()
