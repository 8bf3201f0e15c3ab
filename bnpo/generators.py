"""The global random generators of Python, NumPy and torch, which code of a user may draw from."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

__all__ = ["restore", "seed", "state"]


def seed(number: int) -> None:
    """Seed all of them."""
    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002
    torch.manual_seed(number)


def state() -> dict[str, Any]:
    """Return where the generators stand, as a checkpoint holds it."""
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    made: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(np.asarray(keys, np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        made["cuda"] = torch.cuda.get_rng_state_all()
    return made


def restore(saved: Mapping[str, Any]) -> None:
    """Let the generators go on from where they stood."""
    random.setstate(saved["python"])
    name, keys, position, has_gauss, cached = saved["numpy"]
    legacy = (name, keys.numpy().astype(np.uint32), position, has_gauss, cached)
    np.random.set_state(legacy)  # noqa: NPY002
    torch.set_rng_state(saved["torch"])
    if "cuda" in saved and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(saved["cuda"])
