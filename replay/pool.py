"""A brain's pool: transitions with assigned credit, drawn by a sampling law."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from bnpo.compiling import Mode
from bnpo.errors import ConfigError
from bnpo.replay.allocate import zeros
from bnpo.replay.compiled_tree import tree_library
from bnpo.replay.laws import SamplingLaw
from bnpo.replay.sum_tree import SumTree
from bnpo.types import Transitions

__all__ = ["Pool"]


_Column = tuple[str, int | None, torch.dtype]
"""Column of the matrix: its name, its width (None for one of plain numbers [B]), its type."""


class Pool:
    """Pool of the newest ``capacity`` transitions that were pushed.

    All columns lie side by side in one matrix ``[capacity, D]`` of the observations' floating
    point type, allocated at the first push: a push is one write, a draw one gather, and its
    columns are views of what was gathered. Flags and counts lie in it as numbers (exact to 2^24
    in single precision) and come back in their own type.
    """

    def __init__(
        self,
        capacity: int,
        law: SamplingLaw,
        *,
        device: torch.device | str | None = None,
        compile: Mode = "off",  # noqa: A002
    ) -> None:
        """Make an empty pool.

        Args:
            capacity: transitions that it holds.
            law: how it is drawn from.
            device: where a loaded state is put; None: where it lies. What is pushed decides else.
            compile: whether C++ draws by priority, see :class:`bnpo.replay.sum_tree.SumTree`.

        Raises:
            ConfigError: there is no room, or ``compile`` is "on" and there is no compiler.

        """
        if capacity < 1:
            raise ConfigError(f"Pool.capacity = {capacity}: allowed is at least 1")
        self.capacity = capacity
        self.law = law
        self._device = device
        self._compile: Mode = compile
        if law.needs:
            tree_library(compile)  # compiled now, not at the first push
        self._size = 0
        self._cursor = 0
        self._pushed = 0  # transitions ever written
        self._matrix: Tensor | None = None
        self._tree: SumTree | None = None
        self._columns: list[_Column] = []
        self._sizes: list[int] = []
        self._names: list[str] = []
        self._layout: list[tuple[torch.Size, torch.dtype]] = []
        self._others: dict[str, torch.dtype] = {}  # of another type than the matrix

    def __len__(self) -> int:
        """Return the number of transitions that it holds."""
        return self._size

    def _allocate(self, columns: list[_Column], device: torch.device) -> Tensor:
        """Make room for columns, those of plain numbers at last."""
        self._columns = columns
        wide = [width for _, width, _ in columns if width is not None]
        self._sizes = [*wide, len(columns) - len(wide)]
        dtype = next(dtype for name, _, dtype in columns if name == "observation")
        self._names = [name for name, _, _ in columns]
        self._layout = [
            (torch.Size([] if width is None else [width]), own) for _, width, own in columns
        ]
        self._others = {name: own for name, _, own in columns if own is not dtype}
        owner = f"Pool.capacity = {self.capacity}"
        matrix = zeros(owner, (self.capacity, sum(self._sizes)), device, dtype)
        if self.law.needs:
            self._tree = SumTree(self.capacity, device=device, compile=self._compile)
        self._matrix = matrix
        return matrix

    def push(self, transitions: Transitions, priority: Tensor | None = None) -> Tensor:
        """Add transitions, in the place of the oldest where there is no room.

        Args:
            transitions: [B]; of more than the capacity the last are kept.
            priority: [B], or None: as the law has it for fresh ones.

        Returns:
            [min(B, capacity)], slots in which they lie.

        Raises:
            BadPriority: a priority is negative or not finite; nothing is added then.

        """
        newest = transitions[-self.capacity :] if len(transitions) > self.capacity else transitions
        matrix = self._matrix
        if matrix is None:
            matrix = self._allocate(_columns_of(newest), newest.device)
        parts: list[Tensor] = [getattr(newest, name) for name in self._names]
        if [(part.shape[1:], part.dtype) for part in parts] != self._layout:
            raise ValueError(
                f"Pool.push: columns {_columns_of(newest)}, but the pool has {self._columns}"
            )
        count = len(newest)
        slots = torch.arange(self._cursor, self._cursor + count, device=matrix.device)
        slots %= self.capacity
        if self._tree is not None:
            if priority is None:
                fresh = self.law.fresh(self._tree.largest)
                priority = torch.full((count,), fresh, device=matrix.device, dtype=torch.float64)
            self._tree.update(slots, priority[len(priority) - count :])
        with torch.no_grad():
            parts = [part if part.ndim == 2 else part.unsqueeze(1) for part in parts]
            room = matrix[self._cursor : self._cursor + count]
            if len(room) == count:
                torch.cat(parts, dim=1, out=room)
            else:
                block = torch.cat(parts, dim=1).to(matrix.dtype)
                room.copy_(block[: len(room)])
                matrix[: count - len(room)] = block[len(room) :]
        self._cursor = (self._cursor + count) % self.capacity
        self._size = min(self._size + count, self.capacity)
        self._pushed += count
        return slots

    def draw(self, count: int, generator: torch.Generator) -> tuple[Transitions, Tensor, Tensor]:
        """Draw transitions by the law.

        Uniform draws of at least half the pool (and no more than all of it) are without
        replacement, so that a draw of ``len(pool)`` holds each exactly once, in random order;
        smaller ones, and those by priority, are independent.

        Args:
            count: B.
            generator: on the pool's device.

        Returns:
            transitions [B] (columns are views of one gathered copy), slots [B] and the law's
            weights [B].

        Raises:
            ValueError: the pool is empty, or every priority is zero.

        """
        matrix, tree, size = self._matrix, self._tree, self._size
        if not size or matrix is None:
            raise ValueError("Pool.draw: the pool is empty")
        if tree is not None:
            index = tree.draw(count, generator)
        elif count <= size <= 2 * count:
            index = torch.randperm(size, generator=generator, device=matrix.device)[:count]
        else:
            index = torch.randint(size, (count,), generator=generator, device=matrix.device)
        if tree is not None and self.law.reweights:
            weight = self.law.weight(tree.get(index).to(matrix.dtype), tree.total, size)
        else:
            weight = torch.ones(len(index), device=index.device, dtype=matrix.dtype)
        return self._gather(matrix, index), index, weight

    def newest(self, count: int) -> Transitions:
        """Return the transitions that were pushed last, [count], in the order of their pushes."""
        if self._matrix is None or count > self._size:
            raise ValueError(f"Pool.newest: count = {count} of {self._size} transitions")
        last = torch.arange(self._cursor - count, self._cursor, device=self._matrix.device)
        return self._gather(self._matrix, last % self.capacity)

    def _gather(self, matrix: Tensor, index: Tensor) -> Transitions:
        rows = matrix.index_select(0, index)
        *wide, plain = rows.split_with_sizes(self._sizes, dim=1)
        columns = dict(zip(self._names, (*wide, *plain.unbind(1)), strict=True))
        for name, dtype in self._others.items():
            columns[name] = columns[name].to(dtype)
        return Transitions(**columns)

    def update(self, index: Tensor, priority: Tensor) -> None:
        """Give drawn transitions new priorities; without effect where the law has none.

        Slots mean what they meant at the draw until the next push. Of several priorities for one
        slot the largest holds.

        Args:
            index: [B], slots.
            priority: [B].

        Raises:
            BadPriority: a priority is negative or not finite; nothing is changed then.

        """
        if self._tree is not None:
            self._tree.update(index, priority)

    def priorities(self) -> Tensor:
        """Return the priorities of all slots in use, [len(pool)]; ones where the law has none."""
        if self._tree is None:
            return torch.ones(self._size)
        return self._tree.get(torch.arange(self._size, device=self._tree.total.device))

    def state_dict(self) -> dict[str, Any]:
        """Return everything: tensors, integers and names, valid until the next push or update."""
        state: dict[str, Any] = {
            "capacity": self.capacity,
            "size": self._size,
            "cursor": self._cursor,
            "pushed": self._pushed,
            "columns": [],
        }
        if self._matrix is None:
            return state
        state["columns"] = [
            (name, width, str(dtype).removeprefix("torch.")) for name, width, dtype in self._columns
        ]
        whole = self._size == self.capacity
        state["matrix"] = self._matrix if whole else self._matrix[: self._size].clone()
        if self._tree is not None:
            state["tree"] = self._tree.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the state of a pool of the same capacity and law.

        Raises:
            ValueError: the state is of another pool.

        """
        names = {field.name for field in dataclasses.fields(Transitions)}
        columns = [(n, width, getattr(torch, dtype)) for n, width, dtype in state["columns"]]
        if state["capacity"] != self.capacity:
            raise ValueError(
                f"Pool: the state is of capacity {state['capacity']}, this one of {self.capacity}"
            )
        if columns and {name for name, _, _ in columns} != names:
            raise ValueError("Pool: the state has not the columns of transitions")
        if columns and ("tree" in state) != bool(self.law.needs):
            raise ValueError(f"Pool: the state is not one of a pool drawn by {self.law}")
        self._matrix = self._tree = None
        if columns:
            self._restore(columns, state)
        self._size, self._cursor = state["size"], state["cursor"]
        self._pushed = state["pushed"]

    def _restore(self, columns: list[_Column], state: dict[str, Any]) -> None:
        device = state["matrix"].device if self._device is None else torch.device(self._device)
        matrix = self._allocate(columns, device)
        matrix[: state["size"]] = state["matrix"]
        if self._tree is not None:
            self._tree.load_state_dict(state["tree"])


def _columns_of(transitions: Transitions) -> list[_Column]:
    """Return the name, width and type of every column, those of plain numbers at last."""
    columns = [
        (name, column.shape[1] if column.ndim == 2 else None, column.dtype)
        for name, column in transitions.columns()
    ]
    return sorted(columns, key=lambda column: column[1] is None)
