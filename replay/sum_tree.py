"""Draws in proportion to changing priorities: a wide sum tree, searched for a whole batch at once.

A node sums its 32 children until at most 32,768 sums are left, which are searched through their
running sum; so few entries are searched without a tree, which is the quickest there. Narrow nodes
make many levels of small operations, a running sum of all entries costs time with their number.
Where C++ is compiled it sums up to the total, and takes a whole batch in one call.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bnpo.compiling import Mode
from bnpo.errors import BadPriority, ConfigError
from bnpo.replay.allocate import zeros
from bnpo.replay.compiled_tree import FAN_OUT, SHIFT, CompiledSums, tree_library

__all__ = ["SumTree"]

TOP = 32_768


class SumTree:
    """Priorities of ``capacity`` entries, all zero at first; zero is never drawn."""

    def __init__(
        self,
        capacity: int,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float64,
        compile: Mode = "off",  # noqa: A002
    ) -> None:
        """Allocate the levels.

        Args:
            capacity: number of entries.
            device: where the tree lies.
            dtype: of the sums; double precision keeps a million summands apart.
            compile: whether C++ searches and sums, on the processor in double precision. Sums are
                the same up to rounding.

        Raises:
            ConfigError: there are no entries, or ``compile`` is "on" and there is no compiler.

        """
        if capacity < 1:
            raise ConfigError(f"SumTree.capacity = {capacity}: allowed is at least 1")
        self.capacity = capacity
        self._limit = torch.finfo(dtype).max / (2 * capacity)
        self._least = torch.finfo(dtype).tiny  # smaller ones do not shrink below
        self._below_one = 1 - torch.finfo(dtype).eps
        sizes = [capacity]
        while sizes[-1] > TOP:
            blocks = -(-sizes[-1] // FAN_OUT)
            sizes[-1] = blocks * FAN_OUT  # padding is never written and so never drawn
            sizes.append(blocks)
        where = torch.device(device)
        owner = f"SumTree.capacity = {capacity}"
        self._levels = [zeros(owner, (size,), where, dtype) for size in sizes]
        # children of each node of the level above
        self._blocks = [level.view(-1, FAN_OUT) for level in self._levels[:-1]]
        self._running = torch.zeros(sizes[-1] + 1, device=device, dtype=dtype)
        self._until = self._running[1:]  # sums of the top up to the end of each block
        self._current = True  # whether _running are the sums of the top before each block
        self._compile: Mode = compile
        self._compiled = self._compiled_sums()
        self.largest = 1.0
        """Largest priority ever set, at least 1."""

    def _compiled_sums(self) -> CompiledSums | None:
        leaves = self._levels[0]
        if leaves.device.type != "cpu" or leaves.dtype is not torch.float64:
            return None
        library = tree_library(self._compile)
        return None if library is None else CompiledSums(library, self._levels)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compiled": None}  # addresses hold for one process and one tree

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._compiled = self._compiled_sums()

    def __len__(self) -> int:
        """Return the number of entries."""
        return self.capacity

    @property
    def total(self) -> Tensor:
        """Sum of all priorities, []."""
        return self._sums()[-1] if self._compiled is None else self._compiled.total

    def _sums(self) -> Tensor:
        """Return the sums of the top before each of its nodes, the total at last."""
        if not self._current:
            torch.cumsum(self._levels[-1], 0, out=self._until)
            self._current = True
        return self._running

    def get(self, index: Tensor) -> Tensor:
        """Return the priorities at an index [B], [B]."""
        return self._levels[0].index_select(0, index)

    def update(self, index: Tensor, priority: Tensor) -> None:
        """Set priorities; of several for one entry the largest holds, whatever their order.

        Sums are taken anew from their children and never drift.

        Args:
            index: [B], entries.
            priority: [B], finite and at least zero; numbers too small for full precision are 0.

        Raises:
            BadPriority: a priority is negative, not a number or too large to be summed; nothing is
                changed then.
            ValueError: an index lies outside; nothing is changed then.

        """
        leaves = self._levels[0]
        priority = priority.detach().to(leaves.dtype)
        if index.shape != priority.shape or index.ndim != 1:
            raise ValueError(
                f"SumTree.update: index {tuple(index.shape)} and priority "
                f"{tuple(priority.shape)}: allowed is one priority per index, [B] each"
            )
        if not len(index):
            return
        if self._compiled is not None:
            high = self._compiled.update(index, priority, self._least, self._limit)
            if high < 0:
                self._checked(index, priority)
            self.largest = max(self.largest, high)
            return
        priority, high = self._checked(index, priority)
        leaves.scatter_reduce_(0, index, priority, "amax", include_self=False)
        for blocks, above in zip(self._blocks, self._levels[1:], strict=True):
            index = index >> SHIFT
            above.index_copy_(0, index, blocks.index_select(0, index).sum(1))
        self._current = False
        self.largest = max(self.largest, high)

    def _checked(self, index: Tensor, priority: Tensor) -> tuple[Tensor, float]:
        """Return the priorities that can be summed [B] and the largest, or a ValueError."""
        first, last = (int(end) for end in index.aminmax())
        if first < 0 or last >= self.capacity:
            raise ValueError(
                f"SumTree.update: index from {first} to {last}: allowed is from 0 to "
                f"{self.capacity - 1}"
            )
        low, high = (float(end) for end in priority.aminmax())
        if not high <= self._limit or not low >= 0:  # NaN is neither
            bad = priority[~((priority >= 0) & (priority <= self._limit))]
            raise BadPriority(
                f"SumTree.update: priority = {bad[0].item()}: allowed is a finite number from 0 "
                f"to {self._limit:.3g}"
            )
        if low < self._least:
            priority = torch.where(priority < self._least, 0.0, priority)
        return priority, high

    def search(self, mass: Tensor) -> Tensor:
        """Return the entry in which the running sum of priorities passes a mass.

        Args:
            mass: [B], in [0, total).

        Returns:
            [B], the smallest i with p_0 + ... + p_i > mass; always one with p_i > 0.

        """
        if self._compiled is not None:
            return self._compiled.search(mass)
        before = self._sums()
        node = torch.searchsorted(self._until, mass, right=True)
        if not self._blocks:
            return node
        mass = mass.sub(before.index_select(0, node)).unsqueeze(1)
        for depth in reversed(range(len(self._blocks))):
            block = self._blocks[depth].index_select(0, node).cumsum(1)  # [B, FAN_OUT]
            child = torch.searchsorted(block, mass, right=True)
            if int(child.max()) == FAN_OUT:  # the rounding of sums pushed a mass past a block's end
                mass = torch.minimum(mass, block[:, -1:] * self._below_one)
                child = torch.searchsorted(block, mass, right=True)
            if depth:
                passed = block.gather(1, (child - 1).clamp_(min=0))
                mass = mass - torch.where(child > 0, passed, 0.0)
            node = child.squeeze(1).add_(node, alpha=FAN_OUT)
        return node

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw entries independently, i with probability p_i / sum p, [count].

        Raises:
            ValueError: every priority is zero.

        """
        total = float(self.total)
        if not total > 0:
            raise ValueError("SumTree.draw: every priority is zero, nothing can be drawn")
        leaves = self._levels[0]
        mass = torch.rand(count, generator=generator, device=leaves.device, dtype=leaves.dtype)
        return self.search(mass.mul_(total * self._below_one))  # below the total, rounded or not

    def state_dict(self) -> dict[str, Tensor]:
        """Return every level, by reference, and the largest priority."""
        levels = {f"level_{depth}": level for depth, level in enumerate(self._levels)}
        return {**levels, "largest": torch.tensor(self.largest, dtype=torch.float64)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over the state of a tree of the same capacity.

        Raises:
            ValueError: it is another's; nothing is changed then.

        """
        own = self.state_dict()
        if own.keys() != state.keys() or any(own[k].shape != state[k].shape for k in own):
            raise ValueError(f"SumTree: the state is not one of capacity {self.capacity}")
        self.largest = float(state["largest"])
        for depth, level in enumerate(self._levels):
            level.copy_(state[f"level_{depth}"])
        self._current = False
        if self._compiled is not None:
            self._compiled.fill()
