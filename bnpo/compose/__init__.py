"""Composition: names and overrides to the complete, checked configuration of a run."""

from bnpo.compose.composition import compose

__all__ = ["compose"]
