"""The critic Q(s, g, mu, sigma): a function of the policy's distribution, not of the action."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from bnpo.config import NetworkConfig
from bnpo.types import TaskSpec

__all__ = ["Critic"]

_EPSILON = 1e-5
"""Added to the variance where a layer is normalised."""


class _EnsembleLinear(nn.Module):
    """Weights [E, in, out] and biases [E, 1, out] of one linear layer for each of E members."""

    def __init__(self, members: int, fan_in: int, fan_out: int, gain: float = 1.0) -> None:
        super().__init__()
        bound = gain / math.sqrt(fan_in)
        self.weight = nn.Parameter(torch.empty(members, fan_in, fan_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, fan_out).uniform_(-bound, bound))


class Critic(nn.Module):
    """An ensemble of perceptrons over features, μ and σ, one output per reward component.

    Q(s, g, μ, σ) = E[return | s, g, a ~ Normal(μ, σ)]; at σ = 0 it is the value of the action μ.
    The closest published relative is He, Mahmood and White, "Distributions as Actions"
    (ICLR 2026, arXiv:2506.16608).
    """

    middle: Tensor
    """[A], middle of the action Box."""
    half_range: Tensor
    """[A], half its width: means and scales are seen in units of it."""
    layers: list[tuple[Tensor, Tensor]]
    """Weight [E, in, out] and bias [E, 1, out] of every layer, looked up once."""

    def __init__(
        self,
        features: int,
        spec: TaskSpec,
        config: NetworkConfig,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Build the ensemble.

        Args:
            features: of its inputs [B, features]
            spec: the task
            config: sizes and scales
            dtype: type in which the bounds of actions are held; the weights are torch's default

        """
        super().__init__()
        low, high = (torch.tensor(b, dtype=dtype) for b in (spec.action_low, spec.action_high))
        self.register_buffer("middle", (low + high) / 2)
        self.register_buffer("half_range", (high - low) / 2)
        self.unit_box = bool((self.middle == 0).all() and (self.half_range == 1).all())
        self.members = config.critics
        self.action_dim = spec.action_dim
        self.reduce = config.reduce
        widths = (features + 2 * spec.action_dim, *config.critic_hidden)
        self.hidden = nn.ModuleList(
            _EnsembleLinear(self.members, fan_in, fan_out, config.input_gain if first else 1.0)
            for first, fan_in, fan_out in zip(
                [True] + [False] * len(widths), widths, widths[1:], strict=False
            )
        )
        self.layer_norm = config.layer_norm
        self.head = _EnsembleLinear(self.members, widths[-1], spec.reward_dim)
        layers = cast("Iterable[_EnsembleLinear]", (*self.hidden, self.head))
        self.layers = [(layer.weight, layer.bias) for layer in layers]

    def forward(
        self,
        features: Tensor,
        mu: Tensor,
        sigma: Tensor,
        trace: list[tuple[Tensor, ...]] | None = None,
    ) -> Tensor:
        """Return the value of every member, [E, B, R].

        Args:
            features: [B, F]
            mu: [B, A], in the action's units
            sigma: [B, A], in the action's units; 0 for the point mass at mu
            trace: empty; gets the input of every layer, and what its normalisation kept

        """
        if not self.unit_box:
            mu, sigma = (mu - self.middle) / self.half_range, sigma / self.half_range
        x = torch.cat((features, mu, sigma), -1).expand(self.members, -1, -1)
        inputs = [] if trace is None else trace
        normalised: tuple[Tensor, ...] = ()
        *hidden, (last_weight, last_bias) = self.layers
        for weight, bias in hidden:
            inputs.append((x, *normalised))
            x = torch.baddbmm(bias, x, weight)
            if self.layer_norm:
                before = x
                x, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, _EPSILON)
                normalised = before, mean, rstd
            x = torch.relu_(x)
        inputs.append((x, *normalised))
        return torch.baddbmm(last_bias, x, last_weight)

    def value(self, features: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        """Return the value of the ensemble, reduced by minimum or mean, [B, R]."""
        return self.reduced(self(features, mu, sigma))

    def reduced(self, q: Tensor) -> Tensor:
        """Return the minimum or mean over the ensemble of its values [E, B, R], [B, R]."""
        if self.members == 1:
            return q[0]
        return q.mean(0) if self.reduce == "mean" else q.amin(0)
