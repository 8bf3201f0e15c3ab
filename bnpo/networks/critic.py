"""The critic Q(s, g, mu, sigma): a function of the policy's distribution, not of the action."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import cast

import torch
from torch import Tensor, nn

from bnpo.config import NetworkConfig
from bnpo.networks.weights import weights
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

    def __init__(self, features: int, spec: TaskSpec, config: NetworkConfig) -> None:
        """Build the ensemble for features [B, F]."""
        super().__init__()
        low, high = torch.tensor(spec.action_low), torch.tensor(spec.action_high)
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
        self._layers = tuple(cast("Iterable[_EnsembleLinear]", (*self.hidden, self.head)))

    def forward(self, features: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        """Value of every member, [E, B, R].

        Args:
            features: [B, F]
            mu: [B, A], in the action's units
            sigma: [B, A], in the action's units; 0 for the point mass at mu

        """
        return self.traced(features, mu, sigma, [])

    def traced(
        self, features: Tensor, mu: Tensor, sigma: Tensor, trace: list[tuple[Tensor, ...]]
    ) -> Tensor:
        """Value of every member, [E, B, R], and what :meth:`gradients` needs, left in the trace.

        Args:
            features: [B, F]
            mu: [B, A]
            sigma: [B, A]
            trace: empty; gets the input of every layer, and what its normalisation kept

        """
        if not self.unit_box:
            mu, sigma = (mu - self.middle) / self.half_range, sigma / self.half_range
        x = torch.cat((features, mu, sigma), -1).expand(self.members, -1, -1)
        kept: tuple[Tensor, ...] = ()
        *hidden, head = weights(self._layers)
        for weight, bias in hidden:
            trace.append((x, *kept))
            x = torch.baddbmm(bias, x, weight)
            if self.layer_norm:
                before = x
                x, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, _EPSILON)
                kept = before, mean, rstd
            x = torch.relu_(x)
        trace.append((x, *kept))
        weight, bias = head
        return torch.baddbmm(bias, x, weight)

    def gradients(self, trace: list[tuple[Tensor, ...]], slope: Tensor) -> list[Tensor]:
        """Gradient of Σ slope · Q by every parameter, in the order of ``parameters()``.

        The products that automatic differentiation takes, without its graph: the same bits sooner.
        To be called where no gradients are recorded.

        Args:
            trace: of the forward pass (:meth:`traced`)
            slope: [E, B, R]

        """
        found: list[Tensor] = []
        for (x, *_), by_output in zip(reversed(trace), self._slopes(trace, slope), strict=True):
            found += (by_output.sum(1, keepdim=True), torch.bmm(x.mT, by_output))
        return found[::-1]

    def mean_slope(self, trace: list[tuple[Tensor, ...]], slope: Tensor) -> Tensor:
        """Gradient of Σ slope · Q by μ alone, [B, A].

        Args:
            trace: of the forward pass (:meth:`traced`)
            slope: [E, B, R]

        """
        *_, by_output = self._slopes(trace, slope)
        ((first, _),) = weights(self._layers[:1])
        actions = self.action_dim
        by_input = torch.bmm(by_output, first.mT)
        by_input = by_input[0] if self.members == 1 else by_input.sum(0)
        by_mean = by_input[:, -2 * actions : -actions]
        return by_mean if self.unit_box else by_mean / self.half_range

    def _slopes(self, trace: list[tuple[Tensor, ...]], slope: Tensor) -> Iterator[Tensor]:
        """Gradient by the output of every layer, from the head down, of that by the head's."""
        yield slope
        following = weights(self._layers[1:])
        for (x, *kept), (weight, _) in zip(trace[:0:-1], reversed(following), strict=True):
            slope = torch.bmm(slope, weight.mT)
            slope = torch.ops.aten.threshold_backward(slope, x, 0)
            if kept:
                width = slope.shape[-1:]
                slope, _, _ = torch.ops.aten.native_layer_norm_backward(
                    slope, kept[0], width, kept[1], kept[2], None, None, [True, False, False]
                )
            yield slope

    def value(self, features: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        """Value of the ensemble, reduced by minimum or mean, [B, R]."""
        return self.reduced(self(features, mu, sigma))

    def reduced(self, q: Tensor) -> Tensor:
        """Minimum or mean over the ensemble of its values [E, B, R], [B, R]."""
        if self.members == 1:
            return q[0]
        return q.mean(0) if self.reduce == "mean" else q.amin(0)

    def reduced_slope(self, q: Tensor, slope: Tensor) -> Tensor:
        """Gradient of Σ slope · reduced(q) by the ensemble's values q [E, B, R], [E, B, R].

        Args:
            q: [E, B, R]
            slope: [B, R]; members that share the minimum share it

        """
        if self.members == 1:
            return slope[None]
        if self.reduce == "mean":
            return (slope / self.members).expand_as(q)
        least = q == q.amin(0)
        return slope * least / least.sum(0)
