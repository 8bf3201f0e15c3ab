"""Seeds of a batch of environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.utils import seeding

from bnpo.envs.arguments import require_int


def seed_each(seed: int | Sequence[int | None] | None, num_envs: int) -> list[int | None]:
    """Return one seed for each environment [N], None where it gets none.

    Args:
        seed: s seeds environment i with s + i; a sequence holds one seed per environment
        num_envs: N

    Raises:
        ValueError: a seed below zero, or another number of them.

    """
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, Sequence):
        if len(seed) != num_envs:
            raise ValueError(f"seed={seed!r} must hold num_envs={num_envs} seeds")
        return [None if one is None else require_int("seed", one, minimum=0) for one in seed]
    first = require_int("seed", seed, minimum=0)
    return [first + index for index in range(num_envs)]


def generator_in(state: Mapping[str, Any]) -> np.random.Generator:
    """Return a generator that continues from a saved state."""
    generator, _ = seeding.np_random(0)
    generator.bit_generator.state = state
    return generator
