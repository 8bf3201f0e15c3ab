"""Learning curves, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnpo.files import replacing
from bnpo.types.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot"]

_COLOURS = ("#2e5e8c", "#d64541", "#349858", "#8e5ea2", "#f08c28", "#3aa6a6", "#6b6b6b", "#b5495b")
_LABELS = {
    "success_rate": "success rate",
    "mean_return": "return per episode",
}


def plot(histories: Mapping[str, History] | History, title: str | None = None) -> Figure:
    """Draw success (or return, without goals) against environment steps.

    The threshold is a dashed line, the point from which a run counts as solved a ring.

    Args:
        histories: one history, or several by their label
        title: above the picture

    Raises:
        ValueError: there is nothing to draw, or the histories measure different things.

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    named = {"": histories} if isinstance(histories, History) else dict(histories)
    metrics = {history.metric for history in named.values()}
    if not any(len(history) for history in named.values()):
        raise ValueError("there is nothing to draw: no run has an evaluation yet")
    if len(metrics) > 1:
        raise ValueError(
            "these runs cannot be drawn in one picture: some measure "
            + " and some ".join(_LABELS.get(metric, metric) for metric in sorted(metrics))
        )
    metric = metrics.pop()
    figure = Figure(figsize=(7.0, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for index, (label, history) in enumerate(named.items()):
        _curve(axes, history, label, _COLOURS[index % len(_COLOURS)])
    _thresholds(axes, named)
    _dress(axes, metric, next(iter(named.values())), title)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", frameon=False, fontsize=9)
    return figure


def draw(histories: Mapping[str, History] | History, path: Path, title: str | None = None) -> None:
    """Draw learning curves into a picture file; see :func:`plot`."""
    figure = plot(histories, title)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".") or "png")


def _curve(axes: Axes, history: History, label: str, colour: str) -> None:
    """Draw the evaluations of one run, and where it was solved."""
    records = [record for record in history if getattr(record, history.metric) is not None]
    steps = [record.env_steps for record in records]
    values = [getattr(record, history.metric) for record in records]
    shape: dict[str, Any] = {"marker": "o", "markersize": 2.5} if len(records) < 80 else {}
    axes.plot(steps, values, color=colour, linewidth=1.8, label=label or None, **shape)
    solved = history.solved
    if solved is None:
        return
    where = None
    if not label:
        where = f"solved at {solved.env_steps:,} steps, {solved.wall_s:,.0f} s of training"
    axes.plot(
        solved.env_steps,
        getattr(solved, history.metric),
        "o",
        markersize=9,
        markerfacecolor="none",
        markeredgewidth=1.6,
        color=colour,
        linestyle="none",
        label=where,
    )


def _thresholds(axes: Axes, named: Mapping[str, History]) -> None:
    """Draw a line for each threshold of the runs."""
    for threshold in sorted({history.threshold for history in named.values()}):
        axes.axhline(threshold, color="#8a8a8a", linewidth=1.0, linestyle="--", zorder=0)
        axes.annotate(
            f"threshold {threshold:g}",
            (0.0, threshold),
            xycoords=("axes fraction", "data"),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=8,
            color="#6b6b6b",
        )


def _dress(axes: Axes, metric: str, history: History, title: str | None) -> None:
    """Name the axes and take away what distracts."""
    from matplotlib.ticker import EngFormatter

    axes.set_xlabel("environment steps")
    episodes = history[-1].episodes if len(history) else 0
    axes.set_ylabel(f"{_LABELS.get(metric, metric)} ({episodes} episodes)")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlim(left=0)
    if metric == "success_rate":
        axes.set_ylim(-0.03, 1.05)
    axes.grid(color="#e4e4e2", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(title, fontsize=11)
