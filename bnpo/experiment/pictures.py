"""The pictures that a run leaves at its end: learning curve, and games of self-play."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bnpo.config import RunConfig
from bnpo.files import write_json
from bnpo.show.plotting import draw
from bnpo.show.win_matrix import draw_games
from bnpo.training import Trainer

__all__ = ["draw_run"]


def draw_run(trainer: Trainer, run: RunConfig, folder: Path) -> list[str]:
    """Draw a run into its folder; a run that lacks a picture has not failed.

    Returns:
        What could not be drawn, a line for each.

    """
    complaints = []
    history, games = trainer.history, trainer.games
    if len(history):
        title = f"{run.task.preset or 'own brains'}, seed {run.task.seed}, on {run.task.env}"
        curve = folder / "learning_curve.png"
        complaints += _drawn(curve, lambda path: draw(history, path, title))
    if games is not None:
        write_json(folder / "games.json", games)
        complaints += _drawn(folder / "games.png", lambda path: draw_games(games, path))
    return complaints


def _drawn(path: Path, draw_to: Callable[[Path], None]) -> list[str]:
    """Draw a picture; return why it could not be drawn."""
    try:
        draw_to(path)
    except Exception as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        return [f"{path} cannot be drawn: {reason or type(error).__name__}"]
    return []
