"""Arrays that are allocated once, or refused in one line where memory is short."""

from __future__ import annotations

import contextlib
import mmap
import os

import torch
from torch import Tensor

from bnpo.errors import ConfigError

__all__ = ["zeros"]

HUGE = 1 << 22
"""Size from which on arrays lie on huge pages, where the system has them (bytes)."""


def zeros(owner: str, shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return zeros of a shape.

    Args:
        owner: what is too large if it does not fit, "Pool.capacity = 5" for instance.
        shape: of the array.
        device: where it lies.
        dtype: of its numbers.

    Raises:
        ConfigError: it does not fit; the system would sooner end the process than say so.

    """
    needed = dtype.itemsize
    for size in shape:
        needed *= size
    there = _memory(device)
    if there is not None and needed > there:
        raise ConfigError(f"{owner}: needs {needed:,} bytes on {device}, which has {there:,}")
    try:
        if device.type == "cpu" and needed >= HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
            return _huge(needed, dtype).view(shape)
        return torch.zeros(shape, device=device, dtype=dtype)
    except (RuntimeError, MemoryError, OSError) as error:
        raise ConfigError(f"{owner}: needs {needed:,} bytes on {device}, not free") from error


def _huge(nbytes: int, dtype: torch.dtype) -> Tensor:
    """Return zeros on huge pages, where random rows of a large array are read faster.

    NumPy asks for the same. What was never written takes no memory yet.
    """
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # not shared with processes forked later
    pages = mmap.mmap(-1, nbytes, flags=private)
    with contextlib.suppress(OSError):  # a kernel without huge pages
        pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=dtype)


def _memory(device: torch.device) -> int | None:
    """Return the bytes of memory of a device, None where unknown."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if device.type == "cpu" and hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None
