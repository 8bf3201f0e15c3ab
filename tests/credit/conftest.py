"""A hand-made table, random tables and the stub Evaluator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bnpo.credit.checks import StubEvaluator, random_trajectories
from bnpo.types import Trajectories

NAN = float("nan")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.fixture
def evaluator(generator: torch.Generator) -> StubEvaluator:
    return StubEvaluator(generator, gamma=0.5)


@pytest.fixture
def table() -> Trajectories:
    """Three segments of four rows, rewards 1, 2, 3(, 4): ended by a terminal state, by the time
    limit, and (full) cut. States are 10 s + t, so that a state tells where it is from."""
    length = torch.tensor([3, 3, 4])
    rows = torch.arange(5.0) + 10 * torch.arange(3.0)[:, None]
    rows = torch.where(torch.arange(5) <= length[:, None], rows, torch.nan)[..., None]
    acts = torch.where(torch.arange(4) < length[:, None], torch.arange(4.0), torch.nan)
    return Trajectories(
        observation=rows,
        achieved_goal=rows,
        desired_goal=rows + 100,
        action=acts[..., None],
        mu=acts[..., None],
        sigma=acts[..., None] * 0 + 1,
        log_prob=-acts,
        reward=acts[..., None] + 1,
        length=length,
        terminated=torch.tensor([True, False, False]),
        truncated=torch.tensor([False, True, False]),
    )


@pytest.fixture
def random_table() -> Callable[..., Trajectories]:
    def make(seed: int = 0, **sizes: Any) -> Trajectories:
        return random_trajectories(torch.Generator().manual_seed(seed), **sizes)

    return make
