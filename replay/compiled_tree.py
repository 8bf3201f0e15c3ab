"""The sums of a tree of priorities in C++: one call for a whole batch."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_double, c_ssize_t, c_void_p
from pathlib import Path

import torch
from torch import Tensor

from bnpo.compiling import Mode, Source, library

__all__ = ["FAN_OUT", "SHIFT", "CompiledSums", "tree_library"]

SHIFT = 5
"""Bits of an index that one level of a tree takes."""

FAN_OUT = 1 << SHIFT
"""Children of a node."""

_SOURCE = Source(Path(__file__).with_name("sum_tree.cpp"), (f"-DTREE_SHIFT={SHIFT}",))


class _Tree(Structure):
    """Levels as C++ reads them."""

    _fields_ = (
        ("depth", c_ssize_t),
        ("sizes", POINTER(c_ssize_t)),
        ("levels", POINTER(c_void_p)),
    )


def tree_library(mode: Mode) -> ctypes.CDLL | None:
    """Return the compiled searches and updates of a tree; None where they cannot be had.

    Raises:
        ConfigError: ``mode`` is "on" and there is no compiler.

    """
    loaded = library(_SOURCE, mode)
    if loaded is not None:
        loaded.tree_update.restype = c_double
        loaded.tree_update.argtypes = (
            *(c_void_p, c_void_p, c_void_p, c_ssize_t),
            *(c_double, c_double),
        )
        loaded.tree_search.argtypes = c_void_p, c_void_p, c_ssize_t, c_void_p
    return loaded


class CompiledSums:
    """Sums over 32 children of each node, up to their total, over levels that a tree holds."""

    def __init__(self, library: ctypes.CDLL, levels: list[Tensor]) -> None:
        """Sum up the topmost level further, until one number is left.

        Args:
            library: of :func:`tree_library`
            levels: float64 on the processor; entries first

        """
        self._library = library
        self._levels = list(levels)
        while len(self._levels) < 2 or len(self._levels[-1]) > 1:
            nodes = -(-len(self._levels[-1]) // FAN_OUT)
            self._levels.append(torch.zeros(nodes, dtype=torch.float64))
        depth = len(self._levels)
        sizes = (c_ssize_t * depth)(*map(len, self._levels))
        pointers = (c_void_p * depth)(*(level.data_ptr() for level in self._levels))
        self._tree = _Tree(depth, sizes, pointers)
        self._at = byref(self._tree)
        self.fill()

    @property
    def total(self) -> Tensor:
        """Sum of all priorities, []."""
        return self._levels[-1][0]

    def fill(self) -> None:
        """Take all sums anew."""
        self._library.tree_fill(self._at)

    def update(self, index: Tensor, priority: Tensor, least: float, limit: float) -> float:
        """Set priorities; those below ``least`` are zero.

        Returns:
            the largest of them; -1 where an index or a priority is not allowed: nothing is changed.

        """
        index, priority = index.to(torch.int64).contiguous(), priority.contiguous()
        changed: float = self._library.tree_update(
            self._at, index.data_ptr(), priority.data_ptr(), len(index), least, limit
        )
        return changed

    def search(self, mass: Tensor) -> Tensor:
        """Return the entry in which the running sum of priorities passes each mass, [B]."""
        rest = mass.to(torch.float64, copy=True)
        entry = torch.empty(len(rest), dtype=torch.int64)
        self._library.tree_search(self._at, rest.data_ptr(), len(rest), entry.data_ptr())
        return entry
