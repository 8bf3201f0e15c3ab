"""A small task on which each preset can be trained."""

from __future__ import annotations

_OTHER = {"self_play": "hockey_reacher"}


def task_of(preset: str) -> str:
    """Return the goal Reacher, or what a preset needs instead: two sides, for self-play."""
    return _OTHER.get(preset, "goal_reacher")
