"""The shared stochastic actor pi(. | s, g) = Normal(mu(s, g), sigma(s, g))."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bnpo.config import NetworkConfig
from bnpo.types import TaskSpec

__all__ = ["Actor", "PolicyOutput"]


class PolicyOutput(NamedTuple):
    """What an actor says of the actions in B states."""

    mu: Tensor
    """[B, A], mean"""

    sigma: Tensor
    """[B, A], scale"""

    raw: Tensor
    """[B, A], output before tanh"""


class Actor(nn.Module):
    """A multilayer perceptron with a Normal head, scaled to the action Box.

    μ = middle + half_range · tanh(z);  log(σ / half_range) lies between the configured bounds.
    """

    low: Tensor
    """[A], lower bounds of the action, rounded into the Box."""
    high: Tensor
    """[A], upper bounds of the action, rounded into the Box."""
    middle: Tensor
    """[A], middle of the action Box."""
    half_range: Tensor
    """[A], half its width."""
    sigma_fixed: Tensor
    """[A], scale where it is not learnt."""
    layers: list[tuple[Tensor, Tensor]]
    """Weight and bias of every linear layer, looked up once: a module searches for them each time,
    which a small network's learning step feels."""

    def __init__(
        self,
        features: int,
        spec: TaskSpec,
        config: NetworkConfig,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Build the network.

        Args:
            features: of its inputs [B, features]
            spec: the task
            config: sizes and scales
            dtype: type in which the bounds of actions are held; the weights are torch's default

        """
        super().__init__()
        kind = torch.empty(0, dtype=dtype).numpy().dtype
        low, high = (np.array(bound, np.float64) for bound in (spec.action_low, spec.action_high))
        middle, half_range = (low + high) / 2, high / 2 - low / 2
        self.register_buffer("low", torch.from_numpy(_inside(low, np.inf, kind)))
        self.register_buffer("high", torch.from_numpy(_inside(high, -np.inf, kind)))
        self.register_buffer("middle", torch.from_numpy(middle.astype(kind)))
        self.register_buffer("half_range", torch.from_numpy(half_range.astype(kind)))
        self.unit_box = bool((self.middle == 0).all() and (self.half_range == 1).all())
        self.sigma_mode = config.sigma
        self.action_dim = spec.action_dim
        widths = (features, *config.actor_hidden)
        self.hidden = nn.ModuleList(nn.Linear(fan_in, out) for fan_in, out in pairwise(widths))
        outputs = spec.action_dim * (2 if config.sigma == "state" else 1)
        self.head = nn.Linear(widths[-1], outputs)
        layers = cast("Iterable[nn.Linear]", (*self.hidden, self.head))
        self.layers = [(layer.weight, layer.bias) for layer in layers]
        with torch.no_grad():
            first = self.hidden[0] if config.actor_hidden else self.head
            for parameter in first.parameters():
                parameter.mul_(config.input_gain)
            self.head.weight.mul_(0.1)
            self.head.bias.zero_()
        self.log_low = math.log(config.sigma_min)
        self.log_range = math.log(config.sigma_max) - self.log_low
        self._set_sigma(config.sigma_init)

    def _set_sigma(self, sigma: float) -> None:
        """Make the scale (a fraction of half the action range) the given one."""
        if self.sigma_mode == "fixed":
            self.register_buffer("sigma_fixed", sigma * self.half_range)
            return
        share = (math.log(sigma) - self.log_low) / self.log_range if self.log_range else 0.5
        share = min(max(share, 1e-4), 1 - 1e-4)
        logit = math.log(share / (1 - share))
        self.sigma_bias = nn.Parameter(torch.full((self.action_dim,), logit))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of the action, both [B, A], for features [B, F]."""
        mean, sigma, _ = self.heads(features)
        return mean, sigma

    def heads(
        self,
        features: Tensor,
        trace: list[Tensor] | None = None,
        layers: Sequence[tuple[Tensor, Tensor]] | None = None,
    ) -> PolicyOutput:
        """Mean, scale and the output before tanh, all [B, A].

        Args:
            features: [B, F]
            trace: empty; gets the input of every layer, then tanh
            layers: weights and biases in the place of the actor's own

        """
        seen = [] if trace is None else trace
        x = features
        *hidden, head = layers or self.layers
        for weight, bias in hidden:
            seen.append(x)
            x = torch.relu_(functional.linear(x, weight, bias))
        seen.append(x)
        out = functional.linear(x, *head)
        raw = out[:, : self.action_dim] if self.sigma_mode == "state" else out
        mu = torch.tanh(raw)
        seen.append(mu)
        if not self.unit_box:
            mu = self.middle + self.half_range * mu
        if self.sigma_mode == "fixed":
            return PolicyOutput(mu, self.sigma_fixed.expand_as(mu), raw)
        spread: Tensor = self.sigma_bias
        if self.sigma_mode == "state":
            spread = spread + out[:, self.action_dim :]
        sigma = torch.exp(self.log_low + self.log_range * torch.sigmoid(spread))
        if not self.unit_box:
            sigma = self.half_range * sigma
        return PolicyOutput(mu, sigma.expand_as(mu), raw)

    def clip(self, action: Tensor) -> Tensor:
        """Clip actions [B, A] to the Box, to the last bit of whatever type its bounds have."""
        if self.unit_box:
            return torch.clamp(action, -1.0, 1.0)
        return torch.clamp(action, self.low, self.high)


def _inside(bound: NDArray[np.float64], inwards: float, kind: np.dtype[Any]) -> NDArray[Any]:
    """Round bounds [A] towards the inside of the Box.

    Args:
        bound: of every dimension
        inwards: infinity for lower bounds, minus infinity for upper ones
        kind: floating point type to round to

    """
    rounded = bound.astype(kind)
    outside = rounded < bound if inwards > 0 else rounded > bound
    return np.where(outside, np.nextafter(rounded, kind.type(inwards)), rounded)
