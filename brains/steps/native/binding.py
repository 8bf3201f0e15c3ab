"""Where networks, optimizers and draws lie, told to the compiled steps."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bnpo.brains.steps.minibatch import Draw
from bnpo.brains.steps.native import structures
from bnpo.brains.steps.optimizers import AdamState, LeanAdam
from bnpo.networks import Actor, Critic

__all__ = ["Addresses", "Moved", "Rows", "parameters_of"]

_MODES = {"fixed": 0, "global": 1, "state": 2}
_COLUMNS = (
    *("observation", "goal", "next_observation", "next_goal", "action"),
    *("mu", "sigma", "reward", "discount"),
    *("behaviour_log_prob", "proximal_log_prob", "weight"),
)


def parameters_of(network: Actor | Critic) -> list[Any]:
    """Weight and bias of every layer, in the order of ``parameters()``, σ aside."""
    return list(chain.from_iterable(network.layers))


class Addresses:
    """Makes structures of addresses, and keeps the arrays in which they lie."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: list[NDArray[np.int64]] = []

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
        state = moved.state
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

    @property
    def state(self) -> AdamState:
        """What the optimizer keeps of them."""
        return self.optimizer.held(self.parameters)

    @property
    def taken(self) -> float:
        """Steps so far."""
        return float(self.state.taken[0])

    def took(self, steps: int) -> None:
        """Count steps; the gradients of the last are the parameters' ``grad``."""
        if not steps:
            return
        state = self.state
        state.taken.add_(steps)
        if self.parameters[0].grad is self.gradients[0]:
            return  # no other brain has been here
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        for other in state.others:
            other.grad = None


class Rows:
    """Where the columns of a draw lie, written at once."""

    def __init__(self, at: structures.Draw, dtype: torch.dtype) -> None:
        """Write to a structure.

        Args:
            at: the structure
            dtype: floating point type of the columns

        """
        self._at = at
        self._dtype = dtype
        first = structures.Draw.observation.offset
        numbers: Any = (ctypes.c_ssize_t * (2 * len(_COLUMNS))).from_buffer(at, first)
        self._numbers = np.frombuffer(numbers, np.int64)

    def write(self, draw: Draw) -> list[Tensor]:
        """Describe minibatches; return what must live until they were read."""
        at, batch, order = self._at, draw.batch, draw.order
        columns = [self._rows(getattr(batch, name)) for name in _COLUMNS]
        self._numbers[0::2] = [column.data_ptr() for column in columns]
        self._numbers[1::2] = [column.stride(0) for column in columns]
        at.sampler_weight.at = None
        if draw.weight is not None:
            columns.append(weight := self._rows(draw.weight))
            at.sampler_weight.at, at.sampler_weight.row = weight.data_ptr(), weight.stride(0)
        columns.append(relabelled := batch.relabelled.contiguous())
        at.relabelled = relabelled.data_ptr()
        at.order = None if order is None else order.data_ptr()
        at.rows = len(batch) if order is None else order.shape[0]
        at.observations, at.goals = batch.observation.shape[1], batch.goal.shape[1]
        at.actions, at.rewards = batch.action.shape[1], batch.reward.shape[1]
        return columns

    def _rows(self, column: Tensor) -> Tensor:
        """Return a column, [N] or [N, D], whose rows lie side by side."""
        if column.dtype is not self._dtype:
            column = column.to(self._dtype)
        apart = column.ndim == 2 and column.stride(1) != 1 and column.shape[1] > 1
        return column.contiguous() if apart else column
