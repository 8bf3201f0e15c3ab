"""Columns of equal length, indexed together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

__all__ = ["Batch"]


class Batch:
    """Columns of equal length, indexed together; the slots of a batch are its columns."""

    __slots__: tuple[str, ...] = ()

    def columns(self) -> Iterator[tuple[str, Tensor]]:
        """Name and tensor of every column."""
        for name in self.__slots__:
            yield name, getattr(self, name)

    def __getitem__(self, index: Tensor | slice) -> Self:
        """Rows of every column."""
        return type(self)(**{name: getattr(self, name)[index] for name in self.__slots__})

    def replace(self, **columns: Tensor) -> Self:
        """Return a copy with some columns exchanged; the rest is shared."""
        return type(self)(**{**dict(self.columns()), **columns})

    @property
    def device(self) -> torch.device:
        """Where the columns lie."""
        return next(self.columns())[1].device
