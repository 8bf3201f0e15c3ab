"""Checkpoints, read from outside: whether one is whole, and what it holds."""

from bnpo.runs.checkpoint import check_checkpoint, load_checkpoint

__all__ = ["check_checkpoint", "load_checkpoint"]
