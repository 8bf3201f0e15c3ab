"""Global generators, as one environment sees them: its own, whatever process it is stepped in.

An environment may draw from ``np.random``, ``random`` or, where it has loaded it, torch. Were these
shared, what it draws would depend on how many others live in its process, and on the agent where it
lives beside that.
"""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bnpo import seeding

__all__ = ["GlobalGenerators", "construction_seed"]

_numpy: Any = np.random  # its stubs leave out get_bit_generator and set_bit_generator

_WATCHED = 1_000
"""Steps after which an environment that never drew from ``random`` or torch is taken not to do so:
to put a state of theirs in place takes 10 microseconds a step, that of NumPy 0.2."""


class _Python:
    """Python's global generator of one environment."""

    def __init__(self, seed: int) -> None:
        self.state: Any = random.Random(seed).getstate()

    def get(self) -> Any:
        """Return where the global one stands; None: there is none."""
        return random.getstate()

    def put(self, state: Any) -> None:
        """Let the global one go on from a state."""
        random.setstate(state)

    def same(self, one: Any, other: Any) -> bool:
        """Whether two states are one."""
        return bool(one == other)

    def plain(self) -> Any:
        """Return the environment's as plain data."""
        version, words, cached = self.state
        return [version, np.array(words, np.int64), cached]

    def restore(self, plain: Any) -> None:
        """Go on from plain data."""
        version, words, cached = plain
        self.state = (version, tuple(map(int, words)), cached)


class _Torch:
    """Torch's global generator of one environment: that of the CPU, once something loads torch."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.state: Any = None

    def get(self) -> Any:
        """Return where the global one stands; None: there is none."""
        torch = sys.modules.get("torch")
        if torch is None or not hasattr(torch, "get_rng_state"):  # not, or not yet
            return None
        if self.state is None:
            self.state = torch.Generator().manual_seed(self.seed).get_state()
        return torch.get_rng_state()

    def put(self, state: Any) -> None:
        """Let the global one go on from a state."""
        sys.modules["torch"].set_rng_state(state)

    def same(self, one: Any, other: Any) -> bool:
        """Whether two states are one."""
        return bool(one.equal(other))

    def plain(self) -> Any:
        """Return the environment's as plain data."""
        return None if self.state is None else self.state.numpy().copy()

    def restore(self, plain: Any) -> None:
        """Go on from plain data."""
        self.state = None
        if plain is not None:
            import torch

            self.state = torch.from_numpy(np.array(plain, np.uint8))


class GlobalGenerators:
    """Global generators of one environment, put in place around its calls."""

    def __init__(self, seed: int) -> None:
        """Seed all of them."""
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Seed all of them anew."""
        numpy, python, torch = seeding.derived(seed, seeding.GLOBAL_GENERATORS, count=3)
        self._numpy: Any = np.random.MT19937(numpy)
        self._others: dict[str, _Python | _Torch] = {
            "python": _Python(python),
            "torch": _Torch(torch),
        }
        self._watched = dict.fromkeys(self._others, 0)
        self._draws = dict.fromkeys(self._others, False)

    def __enter__(self) -> None:
        """Put the environment's generators in the place of the global ones."""
        self._outer: Any = _numpy.get_bit_generator()
        _numpy.set_bit_generator(self._numpy)
        self._before: dict[str, Any] = {}
        for name, one in self._others.items():
            active = self._draws[name] or self._watched[name] < _WATCHED
            if active and (before := one.get()) is not None:
                self._before[name] = before
                one.put(one.state)

    def __exit__(self, *_: object) -> None:
        """Put the process's generators back."""
        self._numpy = _numpy.get_bit_generator()
        _numpy.set_bit_generator(self._outer)
        for name, before in self._before.items():
            one = self._others[name]
            state = one.get()
            self._watched[name] += 1
            self._draws[name] |= not one.same(state, one.state)
            one.state = state
            one.put(before)

    def get_state(self) -> dict[str, Any]:
        """Return the states of all of them."""
        plain = {name: one.plain() for name, one in self._others.items()}
        return {"numpy": self._numpy.state, **plain, "watched": self._watched, "draws": self._draws}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over a state of both generators."""
        self._numpy.state = state["numpy"]
        for name, one in self._others.items():
            one.restore(state[name])
        self._watched = {name: int(count) for name, count in state["watched"].items()}
        self._draws = {name: bool(drawn) for name, drawn in state["draws"].items()}


def construction_seed() -> int:
    """Return a seed for what constructors draw: it follows from the state of NumPy's generator."""
    state = repr(np.random.get_state(legacy=False))  # noqa: NPY002
    return zlib.crc32(state.encode())
