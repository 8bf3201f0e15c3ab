"""The lean Adam takes torch's steps, bit for bit."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from bnpo.brains.steps.optimizers import LeanAdam


def _gradients(network: nn.Module, step: int, without: int | None) -> None:
    generator = torch.Generator().manual_seed(step)
    for index, parameter in enumerate(network.parameters()):
        parameter.grad = torch.randn(parameter.shape, generator=generator)
        if index == without:
            parameter.grad = None


@pytest.mark.parametrize("without", [None, 1])
def test_it_equals_torchs(without: int | None) -> None:
    own = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))
    other = copy.deepcopy(own)
    lean = LeanAdam(own.parameters(), 1e-2)
    torchs = torch.optim.Adam(other.parameters(), lr=1e-2, fused=True)
    for step in range(6):
        for network in (own, other):
            _gradients(network, step, without if step % 3 else None)
        lean.step()
        torchs.step()
        for a, b in zip(own.parameters(), other.parameters(), strict=True):
            assert torch.equal(a, b)


def test_a_loaded_state_goes_on() -> None:
    network = nn.Linear(4, 4)
    lean = LeanAdam(network.parameters(), 1e-2)
    for step in range(3):
        _gradients(network, step, None)
        lean.step()
    twin = copy.deepcopy(network)
    fresh = LeanAdam(twin.parameters(), 1e-2)
    _gradients(twin, 99, None)
    before = copy.deepcopy(twin.state_dict())
    fresh.step()
    twin.load_state_dict(before)
    fresh.load_state_dict(copy.deepcopy(lean.state_dict()))
    for step in range(3, 6):
        for one, optimizer in ((network, lean), (twin, fresh)):
            _gradients(one, step, None)
            optimizer.step()
    assert torch.equal(network.weight, twin.weight)
