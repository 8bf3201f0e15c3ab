"""Seeds: of the global generators, and of every stream of random numbers that a run has.

Worker processes of environments draw seeds, too, and need no torch: it is loaded where it is used.
A stream is a number of its own beside the run's seed, so that no two purposes share their numbers.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = [
    "ACTING",
    "ARBITER",
    "BRAINS",
    "EVALUATION_SEED",
    "GLOBAL_GENERATORS",
    "GUIDES",
    "OPPONENTS",
    "PARAMETER_NOISE",
    "REMOTE_WORKERS",
    "SPACES",
    "TRAINING_ENVS",
    "derived",
    "derived_each",
    "generator",
    "restore",
    "seed",
    "state",
]

EVALUATION_SEED: Final = 1_000_000
"""Seed of the first evaluation episode; episode i has this plus i, whatever the run's seed is."""

ACTING: Final = 0
"""Stream of the agent's own generator, which draws actions"""

BRAINS: Final = 1
"""Stream of the first brain; brain i has this plus i"""

TRAINING_ENVS: Final = 1_000
"""Stream of the training environments"""

GUIDES: Final = 2_000
"""Stream of guiding samples: starts, first guesses, noise"""

PARAMETER_NOISE: Final = 3_000
"""Stream of noisy layers; followed by layer and renewal"""

REMOTE_WORKERS: Final = 4_000
"""Stream of the noise of rollout workers on Ray; followed by the worker's index"""

GLOBAL_GENERATORS: Final = 5_000
"""Stream of what an environment draws from the global generators, beside its own seed"""

SPACES: Final = 6_000
"""Stream of what an environment draws from its spaces, beside its own seed"""

ARBITER: Final = 7_000
"""Stream of the arbiter, which now and then favours any brain"""

OPPONENTS: Final = 8_000
"""Stream of self-play: who plays the other side, and the noise of its actions"""


def derived(seed: int, *stream: int, count: int = 1) -> list[int]:
    """Return seeds of 31 bits that follow from a run's seed and a stream."""
    return [
        int(word >> 1) for word in np.random.SeedSequence([seed, *stream]).generate_state(count)
    ]


def derived_each(seed: int, rows: Iterable[int]) -> list[int]:
    """Return a seed for each of some environments, by their numbers."""
    return [derived(seed, row)[0] for row in rows]


def generator(device: torch.device | str, seed: int, *stream: int) -> torch.Generator:
    """Return a torch generator of its own for one stream of a run's random numbers."""
    import torch

    word = np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(word >> 1))


def seed(number: int) -> None:
    """Seed the global generators of Python, NumPy and torch."""
    import torch

    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002
    torch.manual_seed(number)


def state() -> dict[str, Any]:
    """Return the state of the global generators, as a checkpoint holds it."""
    import torch

    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    saved: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(np.asarray(keys, np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        saved["cuda"] = torch.cuda.get_rng_state_all()
    return saved


def restore(saved: Mapping[str, Any]) -> None:
    """Put the global generators into a state that :func:`state` returned."""
    import torch

    random.setstate(saved["python"])
    name, keys, position, has_gauss, cached = saved["numpy"]
    legacy = (name, keys.numpy().astype(np.uint32), position, has_gauss, cached)
    np.random.set_state(legacy)  # noqa: NPY002
    torch.set_rng_state(saved["torch"])
    if "cuda" in saved and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(saved["cuda"])
