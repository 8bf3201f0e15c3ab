"""Composition: names and overrides to the complete, checked configuration of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnpo.extras import on_use

if TYPE_CHECKING:
    from bnpo.compose.composition import compose, compose_run

__all__ = ["compose", "compose_run"]

__getattr__ = on_use(__name__, dict.fromkeys(__all__, "bnpo.compose.composition"))
