"""Tensors that grow row by row: a checkpoint adds the rows written since the last one.

Every part is a file of its own, which no later checkpoint changes. A part whose rows have all been
written anew in later parts is listed no more. Replay table and pools are such tensors: their rows
are written in a ring, so that what a checkpoint costs follows what was collected since the last
one and not the capacity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bnpo.errors import CheckpointError
from bnpo.runs.checkpoint_files import DataFile, damaged, read_tensors, write_tensors

__all__ = ["Growth", "RowParts", "growing"]

MOST_PARTS = 256
"""Number of files of which one tensor may consist; beyond it all is written anew as one."""


@dataclass(frozen=True)
class Growth:
    """A tensor of rows that are written in an order."""

    kind: str
    """First word of its files' names."""

    tensor: Tensor
    """[S, ...], all rows."""

    position: int
    """How much has been written so far, in a unit of its own."""

    since: Callable[[int], Tensor]
    """Rows written since a position, [K]."""

    def save(self, before: RowParts | None, folder: Path) -> RowParts:
        """Write the rows that ``before`` does not have; return where all of them lie now."""
        size = len(self.tensor)
        fits = before is not None and before.fits(self.tensor) and before.position <= self.position
        if before is None or not fits:
            return self._whole(folder)
        rows = self.since(before.position).cpu()
        owner = np.full(size, len(before.parts), np.int64)
        owner[: len(before.owner)] = before.owner
        owner[rows.numpy()] = len(before.parts)
        live = np.bincount(owner, minlength=len(before.parts) + 1) > 0
        held = sum(n for n, alive in zip(before.rows, live, strict=False) if alive) + len(rows)
        if int(live.sum()) > MOST_PARTS or held > 2 * size + len(rows):
            return self._whole(folder)
        parts, counts = list(before.parts), list(before.rows)
        if live[-1]:
            parts.append(self._write(folder, rows))
            counts.append(len(rows))
        live_parts = np.flatnonzero(live)
        return RowParts(
            shape=tuple(self.tensor.shape),
            dtype=self.tensor.dtype,
            position=self.position,
            parts=[parts[index] for index in live_parts],
            rows=[counts[index] for index in live_parts],
            owner=(np.cumsum(live) - 1)[owner],
        )

    def _whole(self, folder: Path) -> RowParts:
        size = len(self.tensor)
        return RowParts(
            shape=tuple(self.tensor.shape),
            dtype=self.tensor.dtype,
            position=self.position,
            parts=[self._write(folder, torch.arange(size))],
            rows=[size],
            owner=np.zeros(size, np.int64),
        )

    def _write(self, folder: Path, rows: Tensor) -> DataFile:
        content = self.tensor.index_select(0, rows.to(self.tensor.device))
        return write_tensors(folder, self.kind, {"index": rows, "rows": content})


@dataclass(frozen=True, kw_only=True)
class RowParts:
    """Where the rows of a growing tensor lie."""

    shape: tuple[int, ...]
    """Shape of the tensor."""

    dtype: torch.dtype
    """Type of the tensor."""

    position: int
    """Position up to which rows had been written."""

    parts: list[DataFile]
    """Files of the tensor, older first: of rows that are in several the last holds."""

    rows: list[int]
    """Number of rows in each file."""

    owner: npt.NDArray[np.int64]
    """Part in which each row lies, [S]."""

    def fits(self, tensor: Tensor) -> bool:
        """Return whether the tensor can be this one, grown."""
        same = self.shape[1:] == tuple(tensor.shape[1:]) and self.dtype == tensor.dtype
        return same and self.shape[0] <= len(tensor)

    def as_json(self) -> dict[str, Any]:
        """Return the entry of a manifest."""
        return {
            "shape": list(self.shape),
            "dtype": str(self.dtype).removeprefix("torch."),
            "position": self.position,
            "parts": [part.as_json() for part in self.parts],
        }

    @classmethod
    def read(cls, folder: Path, entry: Mapping[str, Any]) -> tuple[Tensor, Self]:
        """Put a tensor together again.

        Raises:
            CheckpointError: naming the file that is missing or damaged.

        """
        shape, dtype = tuple(entry["shape"]), getattr(torch, entry["dtype"])
        parts = [DataFile.of(part) for part in entry["parts"]]
        contents = [read_tensors(folder, part) for part in parts]
        rows = [len(content["index"]) for content in contents]
        if sum(rows) < shape[0]:
            raise CheckpointError(f"a checkpoint in {folder} lists not all of its rows")
        whole = torch.zeros(shape, dtype=dtype)
        owner = np.full(shape[0], -1, np.int64)
        for number, (part, content) in enumerate(zip(parts, contents, strict=True)):
            try:
                whole[content["index"]] = content["rows"]
                owner[content["index"].numpy()] = number
            except (IndexError, RuntimeError) as error:
                raise damaged(folder / part.file, error) from None
        if (owner < 0).any():
            raise CheckpointError(f"a checkpoint in {folder} lists not all of its rows")
        position = entry["position"]
        return whole, cls(
            shape=shape, dtype=dtype, position=position, parts=parts, rows=rows, owner=owner
        )


def growing(state: Mapping[str, Any]) -> dict[str, Growth]:
    """Return the growing tensors of a trainer's state, by path."""
    growths: dict[str, Growth] = {}
    replay = state["agent"]["replay"]
    if replay is not None:
        growths["agent/replay/storage"] = Growth(
            "replay", replay["storage"], replay["segments_finished"], _table_rows(replay)
        )
    for number, brain in enumerate(state["agent"]["brains"]):
        pool = brain["pool"]
        if "matrix" in pool:
            growths[f"agent/brains/{number}/pool/matrix"] = Growth(
                "pool", pool["matrix"], pool["pushed"], _pool_rows(pool)
            )
    return growths


def _table_rows(replay: Mapping[str, Any]) -> Callable[[int], Tensor]:
    """Return rows of the segments finished since then, the queue's last, and of open ones."""

    def since(position: int) -> Tensor:
        queue, row = replay["queue"], replay["row"]
        opened = row[row >= 0]
        waiting = len(queue) - len(opened)
        count = min(replay["segments_finished"] - position, waiting)
        end = replay["head"] + waiting
        ahead = torch.arange(end - count, end, device=queue.device) % len(queue)
        rows: Tensor = torch.cat([queue[ahead], opened]).unique()
        return rows

    return since


def _pool_rows(pool: Mapping[str, Any]) -> Callable[[int], Tensor]:
    """Return the slots written since then, which lie before the cursor."""

    def since(position: int) -> Tensor:
        count = min(pool["pushed"] - position, pool["size"])
        slots: Tensor = torch.arange(pool["cursor"] - count, pool["cursor"]) % pool["capacity"]
        return slots

    return since
