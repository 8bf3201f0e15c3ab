"""Values of the standard library, NumPy and torch in an environment's state are saved exactly."""

from __future__ import annotations

import datetime
import decimal
from array import array
from typing import Any

import numpy as np
import pytest
import torch

from bnpo.envs.workers.rehearsal import rehearse
from tests.envs.points import Point


def _later(env: Any) -> float:
    env.held += datetime.timedelta(days=1)
    return float(env.held.day)


def _dearer(env: Any) -> float:
    env.held += decimal.Decimal("0.1")
    return float(env.held)


def _longer(env: Any) -> float:
    env.held.append(len(env.held))
    return float(sum(env.held))


def _faster(env: Any) -> float:
    env.held["speed"][1] += 0.5
    return float(env.held["speed"].sum())


def _spawned(env: Any) -> float:
    return float(np.random.default_rng(env.held.spawn(1)[0]).random())


HELD: dict[str, tuple[Any, Any]] = {
    "torch generator": (
        lambda: torch.Generator().manual_seed(1),
        lambda env: float(torch.rand((), generator=env.held)),
    ),
    "torch's global generator": (lambda: None, lambda env: float(torch.rand(()))),
    "seed sequence": (lambda: np.random.SeedSequence(2**100 + 1), _spawned),
    "fields": (lambda: np.zeros(2, [("name", "U3"), ("speed", float)]), _faster),
    "date": (lambda: datetime.datetime(2024, 2, 27, tzinfo=datetime.UTC), _later),
    "decimal": (lambda: decimal.Decimal(0), _dearer),
    "array": (lambda: array("d", [1.0]), _longer),
}


@pytest.mark.parametrize("name", HELD)
def test_an_environment_that_holds_it_goes_on_exactly(name: str) -> None:
    make, use = HELD[name]

    class Holding(Point):
        def __init__(self) -> None:
            super().__init__()
            self.held = make()

        def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
            shown, _, *rest = super().step(action)
            return shown, use(self), *rest

    assert rehearse(Holding) is None


def test_what_is_another_thing_there_is_not_filled() -> None:
    from bnpo.envs.workers.object_state import StateReader, StateWriter

    state = StateReader().read([np.zeros(2, [("x", int)])], "fields")
    with pytest.raises(ValueError, match="another size than the one that was saved"):
        StateWriter({"tests"}).write([np.zeros(3, [("x", int)])], state)
