"""The sum tree against a list of numbers."""

from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bnpo.compiling import Mode
from bnpo.errors import BadPriority, ConfigError
from bnpo.replay import sum_tree
from bnpo.replay.compiled_tree import tree_library
from bnpo.replay.sum_tree import SumTree

needs_compiler = pytest.mark.skipif(tree_library("auto") is None, reason="there is no C++ compiler")
in_both_forms = pytest.mark.parametrize("mode", ["off", pytest.param("on", marks=needs_compiler)])


def naive_search(priorities: list[float], mass: float) -> int:
    """Return the smallest i with p_0 + ... + p_i > mass."""
    total = 0.0
    for i, priority in enumerate(priorities):
        total += priority
        if total > mass:
            return i
    raise AssertionError("mass beyond the total")


@in_both_forms
@settings(max_examples=60, deadline=None)
@given(
    capacity=st.integers(1, 700),
    top=st.sampled_from([1, 3, 40]),
    updates=st.lists(
        st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 50)), min_size=1, max_size=40),
        min_size=1,
        max_size=6,
    ),
)
def test_agrees_with_a_list(
    capacity: int, top: int, updates: list[list[tuple[int, int]]], mode: Mode
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sum_tree, "TOP", top)  # so that few entries make many levels
        tree = SumTree(capacity, compile=mode)
    twin = [0.0] * capacity
    for batch in updates:
        pairs = [(index % capacity, float(priority)) for index, priority in batch]
        tree.update(*map(torch.tensor, zip(*pairs, strict=True)))
        for index in {index for index, _ in pairs}:
            twin[index] = max(priority for other, priority in pairs if other == index)
        # Whole numbers: sums are exact, so that every boundary between entries is met exactly.
        assert tree.get(torch.arange(capacity)).tolist() == twin
        assert float(tree.total) == sum(twin)
        if sum(twin):
            mass = torch.arange(0.0, sum(twin), 0.5, dtype=torch.float64)
            assert tree.search(mass).tolist() == [naive_search(twin, m) for m in mass.tolist()]


@in_both_forms
def test_frequencies_follow_priorities(device: torch.device, mode: Mode) -> None:
    priority = torch.tensor([1.0, 0, 2, 3, 4, 0, 5, 6, 7, 8, 9, 10], dtype=torch.float64)
    tree = SumTree(12, device=device, compile=mode)
    tree.update(torch.arange(12, device=device), priority.to(device))
    generator = torch.Generator(device).manual_seed(1)
    count = torch.bincount(tree.draw(40_000, generator).cpu(), minlength=12)
    assert count[1] == count[5] == 0
    expected = 40_000 * priority / priority.sum()
    positive = priority > 0
    chi_square = ((count - expected) ** 2 / expected)[positive].sum()
    assert float(chi_square) < 27.88  # 99.9 % point of chi-square with 10 - 1 = 9 degrees


@in_both_forms
def test_large_tree_follows_priorities(monkeypatch: pytest.MonkeyPatch, mode: Mode) -> None:
    """Groups of leaves across the blocks of a tree of four levels."""
    monkeypatch.setattr(sum_tree, "TOP", 100)
    size = 300_000
    tree = SumTree(size, compile=mode)
    group = torch.arange(size) * 7 // size  # 7 groups with masses 1 : 2 : ... : 7
    tree.update(torch.arange(size), group + 1.0)
    generator = torch.Generator().manual_seed(2)
    count = torch.bincount(group[tree.draw(50_000, generator)], minlength=7)
    mass = torch.bincount(group, weights=group + 1.0)
    expected = 50_000 * mass / mass.sum()
    assert float(((count - expected) ** 2 / expected).sum()) < 22.46  # 99.9 %, 6 degrees


@in_both_forms
@pytest.mark.parametrize("capacity", [20, 300_000])
def test_zero_is_never_drawn(capacity: int, mode: Mode) -> None:
    """Sums far apart in magnitude, down to numbers that are not exact any more."""
    tree = SumTree(capacity, compile=mode)
    generator = torch.Generator().manual_seed(3)
    used = torch.randperm(capacity, generator=generator)[: capacity // 10]
    power = torch.randint(-320, 30, (len(used),), generator=generator)
    tree.update(used, 10.0 ** power.double())
    drawn = tree.draw(20_000, generator)
    assert bool((tree.get(drawn) > 0).all())
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64) * float(tree.total) * (1 - 2**-52)
    assert bool((tree.get(tree.search(ends)) > 0).all())


@in_both_forms
def test_rounding_at_the_end_of_a_block_stays_in_it(
    monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    """Ten tenths add up to 1 or to just below it, depending on the order of summation."""
    monkeypatch.setattr(sum_tree, "TOP", 50)  # the sums of blocks
    tree = SumTree(32 * 50, compile=mode)
    generator = torch.Generator().manual_seed(7)
    priority = torch.rand(50, 32, generator=generator, dtype=torch.float64)
    priority[:, 10:] = 0.0
    priority[0, :10] = 0.1
    tree.update(torch.arange(32 * 50), priority.flatten())
    ends = priority.sum(1).cumsum(0)
    last = torch.nextafter(ends, torch.zeros(()).double())
    near = torch.cat([last, last - 1e-16, last - 1e-15])
    slots = tree.search(near)
    assert bool((tree.get(slots) > 0).all())
    # C++ adds blocks up in another order: what is a rounding below their end may be above it.
    beyond = 1 if mode == "on" else 0
    assert bool((slots // 32 <= torch.arange(50).repeat(3) + beyond).all())


@in_both_forms
def test_sums_do_not_drift(monkeypatch: pytest.MonkeyPatch, mode: Mode) -> None:
    monkeypatch.setattr(sum_tree, "TOP", 10)
    tree = SumTree(500, compile=mode)
    generator = torch.Generator().manual_seed(4)
    for _ in range(300):
        index = torch.randint(500, (64,), generator=generator)
        tree.update(index, torch.rand(64, generator=generator) * 1e9)
    tree.update(torch.arange(500), torch.full((500,), 0.5))
    assert float(tree.total) == 250.0


@in_both_forms
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), -1e-9, 1e308])
def test_bad_priorities_change_nothing(bad: float, mode: Mode) -> None:
    tree = SumTree(10, compile=mode)
    tree.update(torch.arange(10), torch.ones(10))
    with pytest.raises(BadPriority, match=r"priority = .*: allowed is a finite"):
        tree.update(torch.arange(3), torch.tensor([2.0, bad, 2.0], dtype=torch.float64))
    assert tree.get(torch.arange(10)).tolist() == [1.0] * 10


@in_both_forms
@pytest.mark.parametrize("index", [-1, 10, 15])
def test_indices_outside_are_refused(index: int, mode: Mode) -> None:
    tree = SumTree(10, compile=mode)
    with pytest.raises(ValueError, match="allowed is from 0 to 9"):
        tree.update(torch.tensor([0, index]), torch.ones(2))
    assert float(tree.total) == 0


@in_both_forms
def test_numbers_that_are_not_exact_count_as_zero(mode: Mode) -> None:
    """Times 1 - 2^-52 the least positive number is itself: no mass would lie below it."""
    tree = SumTree(10, compile=mode)
    tree.update(torch.tensor([3, 4]), torch.tensor([5e-324, 1e-300], dtype=torch.float64))
    assert tree.get(torch.tensor([3, 4])).tolist() == [0.0, 1e-300]
    assert set(tree.draw(50, torch.Generator()).tolist()) == {4}


def test_other_refusals() -> None:
    with pytest.raises(ConfigError, match="capacity = 0"):
        SumTree(0)
    with pytest.raises(ValueError, match="every priority is zero"):
        SumTree(4).draw(1, torch.Generator())
    with pytest.raises(ValueError, match="one priority per index"):
        SumTree(4).update(torch.arange(4), torch.ones(3))
    with pytest.raises(ValueError, match="not one of capacity 4"):
        SumTree(4).load_state_dict(SumTree(99).state_dict())


@pytest.mark.parametrize("top", [10, 1000])
def test_state_is_complete(top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sum_tree, "TOP", top)
    tree, copy = SumTree(1000), SumTree(1000)
    generator = torch.Generator().manual_seed(5)
    tree.update(torch.arange(1000), torch.rand(1000, generator=generator))
    copy.load_state_dict({name: level.clone() for name, level in tree.state_dict().items()})
    draws = [t.draw(500, torch.Generator().manual_seed(6)) for t in (tree, copy)]
    assert torch.equal(*draws)


@needs_compiler
@pytest.mark.parametrize("capacity", [1, 33, 5_000, 100_000])
def test_both_forms_draw_the_same(capacity: int) -> None:
    """Sums differ in their last digits alone, which no mass of these draws lies between."""
    one, other = SumTree(capacity), pickle.loads(pickle.dumps(SumTree(capacity, compile="on")))
    generator = torch.Generator().manual_seed(5)
    fresh = torch.rand(capacity, generator=generator, dtype=torch.float64)
    for tree in (one, other):
        tree.update(torch.arange(capacity), fresh)
    for seed in range(5):
        drawn = one.draw(256, torch.Generator().manual_seed(seed))
        assert torch.equal(drawn, other.draw(256, torch.Generator().manual_seed(seed)))
        priority = torch.rand(256, generator=generator)
        one.update(drawn, priority)
        other.update(drawn, priority)
    assert one.largest == other.largest
    assert torch.equal(one.state_dict()["level_0"], other.state_dict()["level_0"])
    other.load_state_dict(one.state_dict())
    assert float(other.total) == pytest.approx(float(one.total), rel=1e-12)
