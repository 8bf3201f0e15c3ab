"""What makes a Jupyter notebook feel at home: tables, a live learning curve, interrupts.

Nothing here is needed outside of a notebook, and IPython is asked for only where it runs already.
"""

from bnpo.config import BrainDescription
from bnpo.notebook.kernel import in_notebook, interruptible, shell
from bnpo.notebook.live_bar import LiveBar
from bnpo.notebook.page import Page, png
from bnpo.notebook.tables import (
    BrainList,
    agent_table,
    brain_table,
    field_meanings,
    history_table,
    html_table,
)

__all__ = [
    "BrainList",
    "LiveBar",
    "Page",
    "agent_table",
    "brain_table",
    "field_meanings",
    "history_table",
    "html_table",
    "in_notebook",
    "interruptible",
]


def _register() -> None:
    """Teach the notebook to show figures and single brains."""
    formatters = shell().display_formatter.formatters
    formatters["image/png"].for_type_by_name("matplotlib.figure", "Figure", png)
    formatters["text/html"].for_type(BrainDescription, lambda brain: brain_table([brain]).content)


if in_notebook():
    _register()
