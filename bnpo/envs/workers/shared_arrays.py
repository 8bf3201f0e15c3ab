"""Arrays in memory that several processes share, behind one anonymous file."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Dict, Space

from bnpo.errors import ConfigError

Arrays = dict[str, npt.NDArray[Any]]
Layout = dict[str, tuple[tuple[int, ...], str]]
"""Shape and dtype of each array, by name."""

_MEMORY = "/dev/shm"

_LINE = 64  # bytes; no two arrays share a cache line


def step_layout(
    observation: Space[Any], action: Space[Any], reward: Space[Any] | None, num_envs: int
) -> Layout:
    """Return the layout of what the calling process and its workers exchange in each step.

    Args:
        observation: space of an environment's observation
        action: of its action
        reward: of its reward; None: it pays a single number
        num_envs: environments of all workers

    Raises:
        ValueError: spaces that are not Boxes, or Dicts of Boxes for the observation.

    """
    layout: Layout = {
        "rewards": ((num_envs, *((reward and reward.shape) or ())), "float64"),
        "terminations": ((num_envs,), "bool"),
        "truncations": ((num_envs,), "bool"),
        "actions": _batched(action, num_envs),
        "progress": ((num_envs,), "int64"),
    }
    for key, part in observation_parts(observation).items():
        layout[f"observation/{key}"] = _batched(part, num_envs)
    return layout


def observation_parts(space: Space[Any]) -> dict[str, Space[Any]]:
    """Return the spaces of an observation by key; a single one has the empty key."""
    return dict(space.spaces) if isinstance(space, Dict) else {"": space}


def map_arrays(descriptor: int, layout: Layout) -> tuple[Arrays, mmap.mmap]:
    """Map the arrays of ``layout`` out of an open file, which is grown to hold them."""
    sizes = [math.prod(shape) * np.dtype(kind).itemsize for shape, kind in layout.values()]
    starts = np.cumsum([0, *(-(-size // _LINE) * _LINE for size in sizes)])
    if os.fstat(descriptor).st_size < starts[-1]:
        _grow(descriptor, int(starts[-1]))
    memory = mmap.mmap(descriptor, int(starts[-1]))
    arrays: Arrays = {
        name: np.ndarray(shape, kind, buffer=memory, offset=int(start))
        for (name, (shape, kind)), start in zip(layout.items(), starts[:-1], strict=True)
    }
    return arrays, memory


def anonymous_file() -> int:
    """Return the descriptor of a file without a name, gone with the last process that has it.

    Raises:
        ConfigError: there is no room for it.

    """
    folder = _MEMORY if Path(_MEMORY).is_dir() else None
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.dup(file.fileno())
    except OSError as error:
        raise ConfigError(f"shared memory cannot be made in {folder}: {error.strerror}") from None


def _grow(descriptor: int, size: int) -> None:
    """Take room for a file: writing into one that merely claims its size may kill the process."""
    take = getattr(os, "posix_fallocate", lambda file, _, length: os.ftruncate(file, length))
    try:
        take(descriptor, 0, size)
    except OSError as error:
        raise ConfigError(
            f"the environments share {size:,} bytes of memory, for which {_MEMORY} has no room: "
            f"{error.strerror}"
        ) from None


def _batched(space: Space[Any], num_envs: int) -> tuple[tuple[int, ...], str]:
    """Return the shape and dtype of ``num_envs`` elements of a Box."""
    if not isinstance(space, Box):
        raise ValueError(
            f"a process pool cannot share {space}; allowed are Boxes and Dicts of them"
        )
    return (num_envs, *space.shape), np.dtype(space.dtype).name
