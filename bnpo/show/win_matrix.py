"""The picture of who beats whom: win shares of a policy's past selves, and their ratings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnpo.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_games", "plot_games"]


def plot_games(table: Mapping[str, Any]) -> Figure:
    """Draw shares of decided games that the player of a row won, and ratings over steps.

    Args:
        table: players, wins, elo and elo_margin, as :attr:`bnpo.training.Trainer.games` tells them

    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    players, wins = table["players"], np.array(table["wins"])
    decided = wins + wins.T
    share = np.divide(wins, decided, out=np.full(wins.shape, np.nan), where=decided > 0)
    figure = Figure(figsize=(10.0, 4.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    matrix, curve = figure.subplots(1, 2)
    image = matrix.imshow(share, cmap="RdYlGn", vmin=0.0, vmax=1.0)
    ticks = range(len(players))
    matrix.set_xticks(ticks, players, rotation=90, fontsize=6)
    matrix.set_yticks(ticks, players, fontsize=6)
    matrix.set_title("share of decided games that the row won", fontsize=9)
    figure.colorbar(image, ax=matrix, shrink=0.8)
    steps = np.array([float(name) for name in players[1:]])
    curve.errorbar(steps, table["elo"][1:], yerr=table["elo_margin"][1:], marker="o", capsize=2)
    curve.axhline(0.0, linestyle="--", linewidth=1.0, color="#6b6b6b")
    curve.set_xlabel("environment steps")
    curve.set_ylabel("Elo (scripted player: 0), 95 % interval")
    return figure


def draw_games(table: Mapping[str, Any], path: Path) -> None:
    """Write the picture of :func:`plot_games`, whole or not at all."""
    figure = plot_games(table)
    with replacing(path) as part:
        figure.savefig(part, format="png")
