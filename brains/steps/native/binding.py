"""Where networks, optimizers and draws lie, told to the compiled steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bnpo.brains.steps.lean_adam import LeanAdam
from bnpo.brains.steps.native import structures
from bnpo.networks import Actor, Critic
from bnpo.types import Transitions

__all__ = ["Addresses", "Moved", "column_at", "draw_at", "parameters_of"]

_MODES = {"fixed": 0, "global": 1, "state": 2}
_COLUMNS = (
    *("observation", "goal", "next_observation", "next_goal", "action"),
    *("mu", "sigma", "reward", "discount"),
)


def parameters_of(network: Actor | Critic) -> list[Any]:
    """Weight and bias of every layer, in the order of ``parameters()``, σ aside."""
    return list(chain.from_iterable(network.layers))


class Addresses:
    """Makes structures of addresses, and keeps the arrays in which they lie."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: list[Any] = []

    def numbers(self, numbers: Iterable[int]) -> int:
        """Return where integers lie from now on."""
        array = np.array([*numbers], np.int64)
        self._kept.append(array)
        return int(array.ctypes.data)

    def tensors(self, tensors: Iterable[Tensor]) -> int:
        """Return where the addresses of tensors lie."""
        return self.numbers(tensor.data_ptr() for tensor in tensors)

    def perceptron(self, network: Actor | Critic) -> structures.Perceptron:
        """Describe the layers of a network."""
        weight, _ = network.layers[0]
        alone = isinstance(network, Actor)
        inputs = weight.shape[-1] if alone else weight.shape[-2]
        return structures.Perceptron(
            depth=len(network.layers),
            widths=self.numbers([inputs, *(bias.shape[-1] for _, bias in network.layers)]),
            members=1 if isinstance(network, Actor) else network.members,
            by_output=int(alone),
            normalised=0 if isinstance(network, Actor) else int(network.layer_norm),
            parameters=self.tensors(parameters_of(network)),
        )

    def actor(self, actor: Actor) -> structures.Actor:
        """Describe an actor and its Box."""
        mode = _MODES[actor.sigma_mode]
        sigma: Tensor = actor.sigma_bias if mode else actor.sigma_fixed
        return structures.Actor(
            net=self.perceptron(actor),
            mode=mode,
            sigma=sigma.data_ptr(),
            log_low=actor.log_low,
            log_range=actor.log_range,
            middle=actor.middle.data_ptr(),
            half_range=actor.half_range.data_ptr(),
            unit_box=int(actor.unit_box),
            low=actor.low.data_ptr(),
            high=actor.high.data_ptr(),
        )

    def adam(self, moved: Moved) -> structures.Adam:
        """Describe an optimizer's numbers about the parameters that it moves."""
        (group,) = moved.optimizer.param_groups
        state = moved.optimizer.held(moved.parameters)
        return structures.Adam(
            count=len(moved.parameters),
            sizes=self.numbers(parameter.numel() for parameter in moved.parameters),
            parameters=self.tensors(moved.parameters),
            gradients=self.tensors(moved.gradients),
            means=self.tensors(state.means),
            squares=self.tensors(state.squares),
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            epsilon=group["eps"],
            clip=moved.clip_norm or 0.0,
        )


class Moved:
    """Parameters that an optimizer moves, and room for their gradients."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], optimizer: LeanAdam, clip_norm: float | None
    ) -> None:
        """Make room.

        Args:
            parameters: that have gradients
            optimizer: over these and maybe more
            clip_norm: bound on the gradient's norm

        """
        self.parameters = list(parameters)
        self.optimizer = optimizer
        self.clip_norm = clip_norm
        self.gradients = [torch.zeros_like(p, requires_grad=False) for p in parameters]

    def tensors(self) -> list[Tensor]:
        """Everything that C++ writes to."""
        state = self.optimizer.held(self.parameters)
        return [*self.parameters, *state.means, *state.squares]

    @property
    def taken(self) -> float:
        """Steps so far."""
        return float(self.optimizer.held(self.parameters).taken[0])

    def took(self, steps: int) -> None:
        """Count steps; the gradients of the last are the parameters' ``grad``."""
        if not steps:
            return
        self.optimizer.held(self.parameters).taken.add_(steps)
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient


def column_at(column: Tensor, kept: list[Tensor]) -> tuple[int, int]:
    """Where a column lies, and how far it is from row to row.

    Args:
        column: [N] or [N, D]
        kept: gets what must live until it was read

    """
    if column.ndim == 2 and column.stride(1) != 1 and column.shape[1] > 1:
        column = column.contiguous()
    kept.append(column)
    return column.data_ptr(), column.stride(0)


def draw_at(
    draw: structures.Draw, batch: Transitions, weight: Tensor | None, dtype: torch.dtype
) -> list[Tensor]:
    """Describe transitions and their weights; return what must live until they were read."""
    kept: list[Tensor] = []
    for name in _COLUMNS:
        column: Tensor = getattr(batch, name)
        field: structures.Column = getattr(draw, name)
        if column.dtype is not dtype:
            column = column.to(dtype)
        field.at, field.row = column_at(column, kept)
    draw.weight.at = None
    if weight is not None:
        draw.weight.at, draw.weight.row = column_at(weight.to(dtype), kept)
    relabelled = batch.relabelled.contiguous()
    kept.append(relabelled)
    draw.relabelled, draw.rows = relabelled.data_ptr(), len(batch)
    draw.observations, draw.goals = batch.observation.shape[1], batch.goal.shape[1]
    draw.actions, draw.rewards = batch.action.shape[1], batch.reward.shape[1]
    return kept
