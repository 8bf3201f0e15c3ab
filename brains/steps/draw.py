"""Minibatches that were drawn at once, on their way to a brain's learning steps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bnpo.types import Transitions

__all__ = ["Draw"]


class Draw(NamedTuple):
    """Minibatches that were drawn at once."""

    batch: Transitions
    """[N], transitions that are learnt from"""

    slots: Tensor | None
    """[N], slots of the pool that get new priorities; None if the batch is not of the pool"""

    weight: Tensor | None
    """[N], importance weights of the sampler; None if all are 1"""

    size: int
    """Rows of a minibatch"""

    first: int = 0
    """Row with which the first minibatch begins"""

    steps: int = 1
    """How many minibatches it is"""

    def minibatch(self, number: int) -> Draw:
        """Return one of the minibatches; one that reaches the end goes on at the beginning."""
        batch, slots, weight, size, *_ = self
        if self.steps == 1 and size == len(batch):
            return self
        start = (self.first + number * size) % len(batch)
        rows: slice | Tensor = slice(start, start + size)
        if start + size > len(batch):
            rows = torch.arange(start, start + size, device=batch.device) % len(batch)
        return Draw(
            batch[rows],
            None if slots is None else slots[rows],
            None if weight is None else weight[rows],
            size,
        )
