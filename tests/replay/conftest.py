"""Shared by the tests of the replay: a device, and transitions that can be told apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bnpo.types import Transitions

MakeTransitions = Callable[[Tensor], Transitions]


@pytest.fixture(
    params=[
        "cpu",
        pytest.param(
            "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
        ),
    ]
)
def device(request: pytest.FixtureRequest) -> torch.device:
    """Where the tensors of a test lie."""
    return torch.device(request.param)


@pytest.fixture(scope="session")
def make_transitions() -> MakeTransitions:
    """Transitions whose every column tells the number [B] that they were made from."""

    def make(number: Tensor) -> Transitions:
        x = number.to(torch.float32)
        wide = torch.stack([x, x + 0.25, x + 0.5], dim=1)
        return Transitions(
            observation=wide,
            goal=wide[:, :2] + 1,
            action=wide[:, :2] + 2,
            mu=wide[:, :2] + 3,
            sigma=wide[:, :2] + 4,
            behaviour_log_prob=x + 5,
            proximal_log_prob=x + 6,
            reward=wide[:, :1] + 7,
            discount=x + 8,
            next_observation=wide + 9,
            next_goal=wide[:, :2] + 10,
            weight=x + 11,
            relabelled=number % 2 == 0,
            steps=number % 5,
            log_ratio_rest=x + 12,
        )

    return make
