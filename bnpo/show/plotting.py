"""Learning curves, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnpo.errors import ConfigError
from bnpo.files import replacing
from bnpo.show.curves import TRAINING, Axis, Curve, curve_of, pooled
from bnpo.types.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw", "plot"]

Histories = History | Sequence[History] | Mapping[str, History | Sequence[History]]

_COLOURS = ("#2e5e8c", "#d64541", "#349858", "#8e5ea2", "#f08c28", "#3aa6a6", "#6b6b6b", "#b5495b")
_LABELS = {
    "success_rate": "success rate",
    "mean_return": "return per episode",
    "mean_score": "score per episode",
}
_AXES = {"steps": "environment steps", "seconds": "seconds of training"}


def plot(
    histories: Histories,
    title: str | None = None,
    *,
    metric: str | None = None,
    x: Axis = "steps",
) -> Figure:
    """Draw learning curves: of a run, of several, or of groups of seeds as mean and interval.

    The threshold is a dashed line, the point from which a run counts as solved a ring. A run that
    is drawn alone shows its training episodes as a pale line as well.

    Args:
        histories: one history, or several by their label; a list of them is a group, drawn as its
            mean with the 95 % interval of that
        title: above the picture
        metric: what is drawn, such as ``mean_return``, ``rollout/return`` or ``ddpg/critic_loss``;
            None: what decides when the task is solved
        x: over environment ``steps``, or over ``seconds`` of training

    Raises:
        ValueError: there is nothing to draw, or the histories measure different things.
        ConfigError: a run has no figure of that name, or ``x`` is neither.

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if x not in _AXES:
        raise ConfigError(f"x = {x!r}: allowed is steps or seconds")
    groups = _groups(histories)
    everyone = [history for group in groups.values() for history in group]
    metrics = {history.metric for history in everyone} if metric is None else {metric}
    if len(metrics) > 1:
        raise ValueError(
            "these runs cannot be drawn in one picture: some measure "
            + " and some ".join(_LABELS.get(name, name) for name in sorted(metrics))
            + "; metric=... draws one figure of all"
        )
    figure = Figure(figsize=(7.0, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    metric_of_all = metrics.pop() if metrics else ""
    if not _curves(axes, groups, metric_of_all, x):
        raise ValueError("there is nothing to draw: no run has an evaluation yet")
    decides = [history for history in everyone if history.metric == metric_of_all]
    _thresholds(axes, decides)
    _dress(axes, metric_of_all, x, next(iter(everyone)), title)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", frameon=False, fontsize=9)
    return figure


def draw(histories: Histories, path: Path, title: str | None = None, **settings: Any) -> None:
    """Draw learning curves into a picture file; see :func:`plot`."""
    figure = plot(histories, title, **settings)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".") or "png")


def _groups(histories: Histories) -> dict[str, list[History]]:
    """Return groups of runs by their label, which is empty for what is drawn alone."""
    named = histories if isinstance(histories, Mapping) else {"": histories}
    return {label: [one] if isinstance(one, History) else [*one] for label, one in named.items()}


def _curves(axes: Axes, groups: Mapping[str, list[History]], metric: str, x: Axis) -> bool:
    """Draw a curve for each group; return whether there was anything to draw."""
    drawn = False
    alone = sum(map(len, groups.values())) == 1
    for index, (label, group) in enumerate(groups.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        curves = [curve_of(history, metric, x) for history in group]
        curves = [curve for curve in curves if len(curve.x)]
        if alone and metric in TRAINING:
            drawn |= _training(axes, group[0], metric, x)
        if not curves:
            continue
        drawn = True
        several = f"{label} ({len(curves)} seeds)" if label else f"mean of {len(curves)} seeds"
        _curve(axes, pooled(curves), several if len(curves) > 1 else label, colour)
        if len(group) == 1 and group[0].metric == metric:
            _solved(axes, group[0], label, colour, x)
    return drawn


def _training(axes: Axes, history: History, metric: str, x: Axis) -> bool:
    """Draw what training episodes tell, pale; return whether they tell it."""
    name = TRAINING[metric]
    if not any(name in one.values for one in history.training):
        return False
    curve = curve_of(history, name, x)
    axes.plot(curve.x, curve.y, color="#b8c7d6", linewidth=1.0, label="training episodes")
    return True


def _curve(axes: Axes, curve: Curve, label: str, colour: str) -> None:
    """Draw values, and the interval of a mean."""
    shape: dict[str, Any] = {"marker": "o", "markersize": 2.5} if len(curve.x) < 80 else {}
    axes.plot(curve.x, curve.y, color=colour, linewidth=1.8, label=label or None, **shape)
    if curve.low is not None and curve.high is not None:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)


def _solved(axes: Axes, history: History, label: str, colour: str, x: Axis) -> None:
    """Draw a ring where a run was solved."""
    solved = history.solved
    if solved is None:
        return
    where = None
    if not label:
        where = f"solved at {solved.env_steps:,} steps, {solved.wall_s:,.0f} s of training"
    axes.plot(
        solved.env_steps if x == "steps" else solved.wall_s,
        getattr(solved, history.metric),
        "o",
        markersize=9,
        markerfacecolor="none",
        markeredgewidth=1.6,
        color=colour,
        linestyle="none",
        label=where,
    )


def _thresholds(axes: Axes, histories: Sequence[History]) -> None:
    """Draw a line for each threshold of the runs."""
    for threshold in sorted({history.threshold for history in histories}):
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


def _dress(axes: Axes, metric: str, x: Axis, history: History, title: str | None) -> None:
    """Name the axes and take away what distracts."""
    from matplotlib.ticker import EngFormatter

    axes.set_xlabel(_AXES[x])
    episodes = history[-1].episodes if len(history) else 0
    note = f" ({episodes} episodes)" if metric in _LABELS and episodes else ""
    axes.set_ylabel(f"{_LABELS.get(metric, metric)}{note}")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlim(left=0)
    if metric == "success_rate":
        axes.set_ylim(-0.03, 1.05)
    axes.grid(color="#e4e4e2", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(title, fontsize=11)
