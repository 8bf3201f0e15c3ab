"""Rows gathers what plain indexing does, in every layout of memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bnpo.types import Rows
from bnpo.types.trajectories import Columns

S, T, WIDTH = 7, 5, 6
STORAGE = torch.arange(S * (T + 1) * WIDTH, dtype=torch.float64).reshape(S, T + 1, WIDTH)

LAYOUTS: dict[str, Tensor] = {
    "own memory": STORAGE.clone(),
    "columns of a wider table": STORAGE[..., 1:4],
    "one row shorter": STORAGE[:, :T, 2:5],
    "one number": STORAGE[:, :T, 3],
    "no goals": STORAGE[..., 2:2],
    "later segments": STORAGE[2:, :, :2],
    "every other segment": STORAGE[::2, :, 1:3],
    "every other step": STORAGE[:, ::2],
    "one segment for all": STORAGE[:1].expand(S, T + 1, WIDTH),
    "one step for all": STORAGE[:, :1].expand(S, T + 1, WIDTH),
    "time first": STORAGE.transpose(0, 1).contiguous().transpose(0, 1),
    "one segment": STORAGE[:1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_equals_plain_indexing(layout: str) -> None:
    column = LAYOUTS[layout]
    segment, time = torch.cartesian_prod(
        torch.arange(column.shape[0]), torch.arange(column.shape[1])
    ).T
    assert torch.equal(Rows(segment, time).of(column), column[segment, time])


def test_columns_of_different_layouts_do_not_mix() -> None:
    segment, time = torch.tensor([6, 0, 3]), torch.tensor([4, 0, 2])
    rows = Rows(segment, time)
    for column in (STORAGE[..., 1:4], STORAGE[:, :T].clone(), STORAGE[:, :T, 3], STORAGE):
        assert torch.equal(rows.of(column), column[segment, time])


def test_it_is_a_copy() -> None:
    before = STORAGE.clone()
    Rows(torch.tensor([0]), torch.tensor([0])).of(STORAGE).fill_(-1)
    assert torch.equal(STORAGE, before)


TOGETHER: dict[str, tuple[Tensor, ...]] = {
    "side by side": (STORAGE[..., 1:4], STORAGE[:, :T, 4], STORAGE[..., 5:]),
    "in any order": (STORAGE[:, :T, 4:], STORAGE[..., :2]),
    "with one of no width": (STORAGE[..., 2:2], STORAGE[..., 3:5]),
    "of later segments": (STORAGE[2:, :, :2], STORAGE[2:, :T, 4]),
    "apart": (STORAGE.clone(), STORAGE.clone()[..., 1]),
    "of two tables": (STORAGE[..., :2], STORAGE.clone()[..., :3]),
    "of two ranges of segments": (STORAGE[2:, :, :2], STORAGE[:5, :, 3:]),
    "time first": tuple(
        column.transpose(0, 1).contiguous().transpose(0, 1) for column in (STORAGE, STORAGE[..., 0])
    ),
}


@pytest.mark.parametrize("layout", TOGETHER)
def test_columns_together_equal_plain_indexing(layout: str) -> None:
    columns = TOGETHER[layout]
    segment, time = torch.cartesian_prod(
        torch.arange(min(column.shape[0] for column in columns)), torch.arange(T)
    ).T
    parts = Columns(*columns).at(Rows(segment, time))
    for gathered, column in zip(parts, columns, strict=True):
        assert torch.equal(gathered, column[segment, time])
