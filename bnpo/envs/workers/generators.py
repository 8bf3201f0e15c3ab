"""Global generators, as one environment sees them: its own, whatever process it is stepped in.

An environment may draw from ``np.random`` or ``random``. Were these shared, what it draws would
depend on how many others live in its process, and on the agent where it lives beside that.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bnpo import seeding

__all__ = ["GlobalGenerators", "construction_seed"]

_numpy: Any = np.random  # its stubs leave out get_bit_generator and set_bit_generator

_WATCHED = 1_000
"""Steps after which an environment that never drew from ``random`` is taken not to do so: to put
its state in place takes 10 microseconds a step, that of NumPy 0.2."""


class GlobalGenerators:
    """NumPy's and Python's global generators of one environment, put in place around its calls."""

    def __init__(self, seed: int) -> None:
        """Seed both generators."""
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Seed both generators anew."""
        numpy, python = seeding.derived(seed, seeding.GLOBAL_GENERATORS, count=2)
        self._numpy: Any = np.random.MT19937(numpy)
        self._python = random.Random(python).getstate()
        self._watched = 0
        self._draws = False

    def __enter__(self) -> None:
        """Put the environment's generators in the place of the global ones."""
        self._outer: Any = _numpy.get_bit_generator()
        _numpy.set_bit_generator(self._numpy)
        self._active = self._draws or self._watched < _WATCHED
        if self._active:
            self._outer_python = random.getstate()
            random.setstate(self._python)

    def __exit__(self, *_: object) -> None:
        """Put the process's generators back."""
        self._numpy = _numpy.get_bit_generator()
        _numpy.set_bit_generator(self._outer)
        if self._active:
            state = random.getstate()
            self._watched += 1
            self._draws |= state != self._python
            self._python = state
            random.setstate(self._outer_python)

    def get_state(self) -> dict[str, Any]:
        """Return the state of both generators."""
        version, words, cached = self._python
        return {
            "numpy": self._numpy.state,
            "python": [version, np.array(words, np.int64), cached],
            "watched": self._watched,
            "draws": self._draws,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over a state of both generators."""
        self._numpy.state = state["numpy"]
        version, words, cached = state["python"]
        self._python = (version, tuple(map(int, words)), cached)
        self._watched, self._draws = int(state["watched"]), bool(state["draws"])


def construction_seed() -> int:
    """Return a seed for what constructors draw: it follows from the state of NumPy's generator."""
    state = repr(np.random.get_state(legacy=False))  # noqa: NPY002
    return zlib.crc32(state.encode())
