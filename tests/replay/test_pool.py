"""Pools against a list, and drawn frequencies against the law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnpo.errors import BadPriority, ConfigError
from bnpo.replay import ImportanceRatio, Pool, SamplingLaw, TDError, Uniform
from bnpo.types import Transitions

MakeTransitions = Callable[[Tensor], Transitions]


def same(drawn: Transitions, expected: Transitions) -> None:
    """Assert that columns agree in values and types."""
    for (name, column), (_, wanted) in zip(drawn.columns(), expected.columns(), strict=True):
        assert column.dtype == wanted.dtype, name
        assert torch.equal(column, wanted), name


def snapshot(state: Any) -> Any:
    """Copy a state, as writing and reading it would."""
    if isinstance(state, dict):
        return {name: snapshot(part) for name, part in state.items()}
    return state.clone() if isinstance(state, Tensor) else state


@settings(max_examples=60, deadline=None)
@given(
    capacity=st.integers(1, 30),
    sizes=st.lists(st.integers(0, 70), min_size=1, max_size=12),
    law=st.sampled_from([Uniform(), ImportanceRatio(), TDError()]),
)
def test_holds_the_newest(
    make_transitions: MakeTransitions, capacity: int, sizes: list[int], law: SamplingLaw
) -> None:
    pool = Pool(capacity, law)
    twin: list[int] = []
    generator = torch.Generator().manual_seed(0)
    for size in sizes:
        start = 1000 if not twin else twin[-1] + 1
        number = torch.arange(start, start + size)
        slots = pool.push(make_transitions(number), torch.rand(size) + 0.1)
        twin = (twin + number.tolist())[-capacity:]
        assert len(pool) == len(twin)
        assert len(set(slots.tolist())) == len(slots) == min(size, capacity)
        if not twin:
            continue
        drawn, index, weight = pool.draw(200, generator)
        number = drawn.observation[:, 0].long()
        assert set(number.tolist()) <= set(twin)
        same(drawn, make_transitions(number))
        assert index.shape == weight.shape == (200,)
        by_slot = {int(i): int(n) for i, n in zip(index, number, strict=True)}
        pushed = {int(i): n for i, n in zip(slots, twin[len(twin) - len(slots) :], strict=True)}
        assert all(by_slot[i] == pushed[i] for i in by_slot.keys() & pushed.keys())


@pytest.mark.parametrize("count", [10, 6])
def test_large_uniform_draws_are_without_replacement(
    make_transitions: MakeTransitions, device: torch.device, count: int
) -> None:
    pool = Pool(10, Uniform())
    pool.push(make_transitions(torch.arange(10, device=device)))
    generator = torch.Generator(device).manual_seed(0)
    orders = {tuple(pool.draw(count, generator)[1].tolist()) for _ in range(20)}
    assert all(len(set(order)) == count for order in orders)
    assert len(orders) > 10


def test_uniform_draws_reach_everything_alike(make_transitions: MakeTransitions) -> None:
    pool = Pool(100, Uniform())
    pool.push(make_transitions(torch.arange(80)))
    generator = torch.Generator().manual_seed(0)
    for count in (7, 160, 50):  # independent, more than it holds, without replacement
        index = torch.cat([pool.draw(count, generator)[1] for _ in range(40_000 // count)])
        expected = len(index) / 80
        chi_square = ((torch.bincount(index, minlength=80) - expected) ** 2 / expected).sum()
        assert float(chi_square) < 124.8  # 99.9 % point, 79 degrees


def test_draws_follow_rho(make_transitions: MakeTransitions, device: torch.device) -> None:
    log_ratio = torch.linspace(-3, 2, 20, device=device)
    law = ImportanceRatio(bias_corrected=True)
    pool = Pool(64, law)
    transitions = make_transitions(torch.arange(20, device=device))
    pool.push(transitions, law.priority(log_ratio, log_ratio, log_ratio))
    drawn, _, weight = pool.draw(50_000, torch.Generator(device).manual_seed(0))
    rho = log_ratio.exp().cpu()
    expected = 50_000 * rho / rho.sum()
    count = torch.bincount(drawn.observation[:, 0].long().cpu(), minlength=20)
    assert float(((count - expected) ** 2 / expected).sum()) < 43.82  # 99.9 %, 19 degrees
    torch.testing.assert_close(weight.cpu(), rho.mean().expand(50_000))


def test_resampled_pool_looks_drawn_from_the_policy(make_transitions: MakeTransitions) -> None:
    """Behaviour N(0, 1), pi = N(0.5, 1): log rho = a / 2 - 1 / 8; mean and second moment of pi."""
    generator = torch.Generator().manual_seed(0)
    action = torch.randn(40_000, generator=generator)
    log_ratio = action / 2 - 1 / 8
    law = ImportanceRatio()
    pool = Pool(40_000, law)
    transitions = make_transitions(torch.arange(40_000)).replace(log_ratio_rest=action)
    pool.push(transitions, law.priority(log_ratio, log_ratio, log_ratio))
    drawn, _, weight = pool.draw(40_000, generator)
    assert bool((weight == 1).all())
    # Standard errors are about 1 / sqrt(20,000) = 0.007 and 0.014.
    assert float(drawn.log_ratio_rest.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(drawn.log_ratio_rest.var()) == pytest.approx(1.0, abs=0.06)


def test_updated_priorities_are_drawn_by(make_transitions: MakeTransitions) -> None:
    pool = Pool(10, ImportanceRatio())
    pool.push(make_transitions(torch.arange(10)))
    assert pool.priorities().tolist() == [1.0] * 10
    pool.update(torch.arange(9), torch.zeros(9))
    pool.update(torch.tensor([3, 9]), torch.tensor([2.0, 0.0]))
    drawn, index, _ = pool.draw(50, torch.Generator().manual_seed(0))
    assert set(index.tolist()) == {3}
    assert set(drawn.observation[:, 0].tolist()) == {3.0}


def test_weights_of_td_errors(make_transitions: MakeTransitions) -> None:
    """Priorities 1 and 3 of two: (2/4)^-1 and (6/4)^-1, over their largest: 1 and 1/3."""
    pool = Pool(10, TDError(beta=1.0))
    pool.push(make_transitions(torch.arange(2)), torch.tensor([1.0, 3.0]))
    _, index, weight = pool.draw(50, torch.Generator().manual_seed(0))
    torch.testing.assert_close(weight, torch.where(index == 0, 1.0, 1 / 3))


def test_fresh_transitions_get_the_laws_priority(make_transitions: MakeTransitions) -> None:
    for law, fresh in ((TDError(), 5.0), (ImportanceRatio(), 1.0)):
        pool = Pool(4, law)
        pool.push(make_transitions(torch.arange(2)))
        assert pool.priorities().tolist() == [1.0, 1.0]
        pool.update(torch.tensor([0]), torch.tensor([5.0]))
        pool.update(torch.tensor([0]), torch.tensor([2.0]))
        pool.push(make_transitions(torch.arange(2)))
        assert pool.priorities().tolist() == [2.0, 1.0, fresh, fresh]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_bad_priorities_change_nothing(make_transitions: MakeTransitions, bad: float) -> None:
    pool = Pool(4, TDError())
    pool.push(make_transitions(torch.arange(2)))
    with pytest.raises(BadPriority, match="priority = "):
        pool.update(torch.tensor([0, 1]), torch.tensor([7.0, bad]))
    with pytest.raises(BadPriority, match="priority = "):
        pool.push(make_transitions(torch.arange(2)), torch.tensor([7.0, bad]))
    assert len(pool) == 2
    assert pool.priorities().tolist() == [1.0, 1.0]


def test_other_refusals(make_transitions: MakeTransitions) -> None:
    with pytest.raises(ConfigError, match="capacity = 0"):
        Pool(0, Uniform())
    pool = Pool(4, Uniform())
    with pytest.raises(ValueError, match="empty"):
        pool.draw(1, torch.Generator())
    transitions = make_transitions(torch.arange(2))
    with pytest.raises(ConfigError, match=r"Pool.capacity = 1000000000000: needs [\d,]+ bytes"):
        Pool(10**12, Uniform()).push(transitions)
    pool.push(transitions)
    with pytest.raises(ValueError, match="columns"):
        pool.push(transitions.replace(goal=transitions.observation))
    with pytest.raises(ValueError, match="capacity"):
        Pool(1, Uniform()).load_state_dict(pool.state_dict())
    with pytest.raises(ValueError, match="drawn by"):
        Pool(4, TDError()).load_state_dict(pool.state_dict())


def test_draws_are_copies_and_pushes_detach(make_transitions: MakeTransitions) -> None:
    pool = Pool(4, Uniform())
    transitions = make_transitions(torch.arange(4))
    pool.push(transitions.replace(reward=transitions.reward.clone().requires_grad_()))
    drawn, index, _ = pool.draw(4, torch.Generator().manual_seed(0))
    assert not drawn.reward.requires_grad
    drawn.observation.zero_()
    transitions.goal.zero_()
    assert bool((pool.draw(4, torch.Generator().manual_seed(0))[0].observation[:, 1] > 0).all())
    again = pool.draw(4, torch.Generator().manual_seed(0))[0]
    same(again, make_transitions(index))


@pytest.mark.parametrize("law", [Uniform(), ImportanceRatio(), TDError()])
@pytest.mark.parametrize("pushed", [0, 5, 23])
def test_state_continues_identically(
    make_transitions: MakeTransitions, law: SamplingLaw, pushed: int
) -> None:
    pools = [Pool(12, law), Pool(12, law)]
    for start in range(0, pushed, 5):
        number = torch.arange(start, min(start + 5, pushed))
        pools[0].push(make_transitions(number), number + 0.5)
    pools[1].push(make_transitions(torch.arange(99)))  # what a load must replace
    pools[1].load_state_dict(snapshot(pools[0].state_dict()))
    results = []
    for pool in pools:
        generator = torch.Generator().manual_seed(0)
        for start in range(100, 130, 7):
            pool.push(make_transitions(torch.arange(start, start + 7)))
            drawn, index, weight = pool.draw(5, generator)
            pool.update(index, torch.rand(5, generator=generator))
        results.append((len(pool), drawn, index, weight, pool.priorities()))
    (size, drawn, *rest), (other_size, other_drawn, *other_rest) = results
    assert size == other_size
    same(drawn, other_drawn)
    assert all(torch.equal(a, b) for a, b in zip(rest, other_rest, strict=True))


def test_double_precision_is_kept(make_transitions: MakeTransitions) -> None:
    transitions = make_transitions(torch.arange(3))
    double = Transitions(
        **{n: c.double() + 1e-12 if c.is_floating_point() else c for n, c in transitions.columns()}
    )
    pool = Pool(3, Uniform())
    pool.push(double)
    drawn, index, weight = pool.draw(3, torch.Generator().manual_seed(0))
    same(drawn, double[index])
    assert weight.dtype == torch.float64
