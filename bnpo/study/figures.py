"""The pictures of a study, drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from bnpo.study.results import Results
from bnpo.study.statistics import (
    Interval,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["aggregate", "as_svg", "importance", "improvement", "learning_curves", "profiles"]

COLOURS = ("#2e5e8c", "#d64541", "#349858", "#8e5ea2", "#f08c28", "#3aa6a6", "#6b6b6b", "#b5495b")
_LABELS = {
    "success_rate": "success rate",
    "mean_return": "return per episode",
    "mean_score": "score per episode",
}


def learning_curves(results: Results, task: str) -> Figure:
    """Draw the interquartile mean of the metric against environment steps, with its band."""
    from matplotlib.ticker import EngFormatter

    figure, axes = _figure(6.4, 3.9)
    colours = _colours(results)
    cells = [cell for cell in results.cells if cell.task == task]
    for cell in cells:
        steps, band = cell.curve()
        colour = colours[cell.preset]
        axes.plot(steps, band.value, color=colour, linewidth=1.9, label=cell.preset)
        if np.isfinite(band.low).all():
            axes.fill_between(steps, band.low, band.high, color=colour, alpha=0.18, linewidth=0)
    history = cells[0].runs[0].history
    axes.axhline(history.threshold, color="#8a8a8a", linewidth=1.0, linestyle="--", zorder=0)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(f"{_LABELS[history.metric]} ({history[-1].episodes} episodes)")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlim(left=0)
    if history.metric == "success_rate":
        axes.set_ylim(-0.03, 1.05)
    axes.set_title(task, fontsize=11, loc="left")
    axes.legend(loc="best", frameon=False, fontsize=9)
    return figure


def aggregate(results: Results) -> Figure:
    """Draw the interquartile mean of the final score over all tasks, with its interval."""
    presets = _on_all_tasks(results)
    figure, axes = _figure(6.4, 1.1 + 0.42 * len(presets))
    rows = {preset: _interval(results, preset) for preset in presets}
    _intervals(axes, rows, _colours(results))
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.03), max(high, 1.03))
    axes.set_xlabel("interquartile mean of the final score")
    return figure


def improvement(results: Results) -> Figure | None:
    """Draw how probably a run of one preset is better than one of another on the same task."""
    presets = _on_all_tasks(results)
    if len(presets) < 2:
        return None
    scores = {task: results.scores(task) for task in results.common_tasks(presets)}
    rows, colours = {}, {}
    for first, second in combinations(presets, 2):
        label = f"{first} better than {second}"
        rows[label] = probability_of_improvement(
            [by[first] for by in scores.values()], [by[second] for by in scores.values()]
        )
        colours[label] = _colours(results)[first]
    figure, axes = _figure(6.4, 1.1 + 0.36 * len(rows))
    _intervals(axes, rows, colours)
    axes.axvline(0.5, color="#8a8a8a", linewidth=1.0, linestyle="--", zorder=0)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("probability of improvement")
    return figure


def profiles(results: Results) -> Figure:
    """Draw the share of runs whose final score is above a value, for every value."""
    presets = _on_all_tasks(results)
    tasks = results.common_tasks(presets)
    by_task = [results.scores(task) for task in tasks]
    scores = np.concatenate([values[preset] for values in by_task for preset in presets])
    thresholds = np.linspace(min(0.0, scores.min()), max(1.0, scores.max()), 101)
    figure, axes = _figure(6.4, 3.9)
    for preset in presets:
        band = performance_profile([values[preset] for values in by_task], thresholds)
        colour = _colours(results)[preset]
        axes.plot(thresholds, band.value, color=colour, linewidth=1.9, label=preset)
        if np.isfinite(band.low).all():
            axes.fill_between(thresholds, band.low, band.high, color=colour, alpha=0.15)
    axes.set_xlabel("final score τ")
    axes.set_ylabel("share of runs with a score above τ")
    axes.set_ylim(-0.03, 1.05)
    axes.legend(loc="best", frameon=False, fontsize=9)
    return figure


def importance(
    shares: Mapping[str, float],
    points: Sequence[tuple[Mapping[str, Any], float]],
    logarithmic: Collection[str],
    label: str,
) -> Figure:
    """Draw how much each searched key mattered, and the value over those that mattered most.

    Args:
        shares: importance of each key; empty where there are too few trials to tell
        points: what each trial was given, by key, and its value
        logarithmic: keys that were searched by their logarithm
        label: what the value is

    """
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    keys = [*shares] or [*points[0][0]]
    most = keys[:3]
    figure, all_axes = _figure(2.9 * (len(most) + 1) + 1.6, 3.6, columns=len(most) + 1)
    first, *others = all_axes
    first.barh(range(len(keys)), [shares.get(key, 0.0) for key in keys], color=COLOURS[0])
    first.set_yticks(range(len(keys)), [_short(key) for key in keys], fontsize=8)
    first.invert_yaxis()
    first.set_xlabel("share of importance" if shares else "too few trials to tell importance")
    for axes, key in zip(others, most, strict=True):
        labels = [values[key] for values, _ in points]
        if any(isinstance(value, str | bool) for value in labels):
            labels = [str(value) for value in labels]
        axes.plot(labels, [value for _, value in points], "o", color=COLOURS[0], alpha=0.6)
        if key in logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            axes.xaxis.set_major_formatter(FormatStrFormatter("%.2g"))
        axes.tick_params(labelsize=8)
        axes.set_xlabel(_short(key))
    others[0].set_ylabel(label)
    return figure


def as_svg(figure: Figure) -> bytes:
    """Return a picture as SVG, the same bytes for the same picture."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "bnpo"}):
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _interval(results: Results, preset: str) -> Interval:
    tasks = results.common_tasks([preset])
    band = interquartile_mean([results.scores(task)[preset] for task in tasks])
    return Interval(*(float(part) for part in band))


def _on_all_tasks(results: Results) -> list[str]:
    """Return the presets that can be compared over all tasks."""
    whole = [p for p in results.presets if results.common_tasks([p]) == results.tasks]
    return whole or results.presets[:1]


def _intervals(axes: Axes, rows: Mapping[str, Interval], colours: Mapping[str, str]) -> None:
    """Draw a row for each figure: a bar from the lower to the upper end, a mark at the value."""
    for place, (label, interval) in enumerate(rows.items()):
        colour = colours[label]
        if np.isfinite(interval.low):
            axes.barh(
                place,
                interval.high - interval.low,
                left=interval.low,
                height=0.46,
                color=colour,
                alpha=0.3,
            )
        axes.plot([interval.value] * 2, [place - 0.23, place + 0.23], color=colour, linewidth=2.6)
    axes.set_yticks(range(len(rows)), [*rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _colours(results: Results) -> dict[str, str]:
    return {p: COLOURS[index % len(COLOURS)] for index, p in enumerate(results.presets)}


def _short(path: str) -> str:
    return path.removeprefix("brains.").removeprefix("agent.").removeprefix("networks.")


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(1, columns, squeeze=False)[0]
    for axes in all_axes:
        axes.grid(color="#e4e4e2", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, all_axes if columns > 1 else all_axes[0]
