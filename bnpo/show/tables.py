"""HTML tables of brains, agents and histories."""

from __future__ import annotations

import dataclasses
import html
import inspect
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bnpo.config import BrainDescription
from bnpo.config.keys import meanings_of
from bnpo.show.page import Page

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.types.history import History

__all__ = [
    "agent_table",
    "brain_table",
    "history_table",
    "html_table",
]

_ROWS = 12
"""Number of evaluations in the table of a history; the rest is left out of the middle."""

_CELL = "text-align:{align};padding:2px 8px;vertical-align:top"


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


def brain_table(brains: Iterable[BrainDescription], *, meanings: bool = False) -> Page:
    """Return the fields of brains side by side, without those that all leave at their default.

    Args:
        brains: of one list
        meanings: add what each field does, and show every field

    """
    brains = tuple(brains)
    field_meanings = meanings_of(BrainDescription)
    defaults = {
        name: getattr(BrainDescription, name, inspect.Parameter.empty) for name in field_meanings
    }
    rows: list[list[Any]] = []
    for name, meaning in field_meanings.items():
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
    for brain in agent.brains:
        description = brain.description
        rows.append(
            [
                brain.name,
                brain.step.rule,
                brain.credit.scheme,
                brain.priorities.law,
                f"{description.learning_repeat:,} every {description.learning_delay:,} steps",
                f"{len(brain.pool):,} of {brain.pool.capacity:,}",
                brain.gradient_steps,
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
    present = {key: head for key, head in columns.items() if any(_has(r, key) for r in history)}
    records = list(history)
    rows = [[_rounded(getattr(record, key)) for key in present] for record in records]
    if len(rows) > _ROWS:
        half = _ROWS // 2
        rows = [*rows[:half], ["…"] * len(present), *rows[-half:]]
    return html_table(list(present.values()), rows, repr(history))


def _has(record: Any, key: str) -> bool:
    return getattr(record, key) is not None


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
