"""Batches of equally long columns, and the one that brains learn from: transitions with credit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

__all__ = ["Batch", "Transitions"]


class Batch:
    """Batch of columns of equal length, indexed together; its slots are its columns."""

    __slots__: tuple[str, ...] = ()

    def columns(self) -> Iterator[tuple[str, Tensor]]:
        """Yield name and tensor of every column."""
        for name in self.__slots__:
            yield name, getattr(self, name)

    def __getitem__(self, index: Tensor | slice) -> Self:
        """Return the rows of every column."""
        return type(self)(**{name: getattr(self, name)[index] for name in self.__slots__})

    def replace(self, **columns: Tensor) -> Self:
        """Return a copy with some columns exchanged; the rest is shared."""
        own = {name: getattr(self, name) for name in self.__slots__}
        return type(self)(**(own | columns))

    @property
    def device(self) -> torch.device:
        """Device on which the columns lie."""
        return next(self.columns())[1].device


@dataclass(frozen=True, kw_only=True, slots=True)
class Transitions(Batch):
    """Transitions with assigned credit, from which a brain learns."""

    observation: Tensor
    """[B, O], observation before the action"""

    goal: Tensor
    """[B, G], desired or relabelled"""

    action: Tensor
    """[B, A], as drawn: not clipped to the Box"""

    mu: Tensor
    """[B, A], mean of the behaviour distribution mu_b"""

    sigma: Tensor
    """[B, A], scale of the behaviour distribution sigma_b"""

    behaviour_log_prob: Tensor
    """[B], log density that generated the action"""

    proximal_log_prob: Tensor
    """[B], log density that PPO's ratio refers to"""

    reward: Tensor
    """[B, R], n-step reward with any inner bootstraps"""

    discount: Tensor
    """[B], of the live bootstrap at the next observation; 0 after a termination"""

    next_observation: Tensor
    """[B, O], observation n steps later"""

    next_goal: Tensor
    """[B, G], goal n steps later"""

    weight: Tensor
    """[B], detached weight of the sample in the actor's objective"""

    relabelled: Tensor
    """[B], whether the goal was chosen because of the outcome"""

    steps: Tensor
    """[B], number n of steps to the next observation"""

    log_ratio_rest: Tensor
    """[B], log importance ratio of the actions after the first; 0 unless the sampling law needs
    it"""

    def __len__(self) -> int:
        """Return the number of transitions."""
        return self.discount.shape[0]
