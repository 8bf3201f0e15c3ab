"""The shared stochastic actor pi(. | s, g) = Normal(mu(s, g), sigma(s, g))."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from bnpo.config import NetworkConfig
from bnpo.types import TaskSpec

__all__ = ["Actor"]


class Actor(nn.Module):
    """A multilayer perceptron with a Normal head, scaled to the action Box.

    μ = centre + half · tanh(z);  log σ/half lies between the configured bounds.
    """

    low: Tensor
    high: Tensor
    centre: Tensor
    half_range: Tensor

    def __init__(self, features: int, spec: TaskSpec, config: NetworkConfig) -> None:
        """Build the network for inputs [B, features]."""
        super().__init__()
        low, high = torch.tensor(spec.action_low), torch.tensor(spec.action_high)
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.register_buffer("centre", (low + high) / 2)
        self.register_buffer("half_range", (high - low) / 2)
        self.unit_box = bool((self.centre == 0).all() and (self.half_range == 1).all())
        self.sigma_mode = config.sigma
        self.action_dim = spec.action_dim
        widths = (features, *config.actor_hidden)
        hidden: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            hidden += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        self.body = nn.Sequential(*hidden)
        outputs = spec.action_dim * (2 if config.sigma == "state" else 1)
        self.head = nn.Linear(widths[-1], outputs)
        with torch.no_grad():
            first = self.body[0] if hidden else self.head
            assert isinstance(first, nn.Linear)
            first.weight.mul_(config.input_gain)
            first.bias.mul_(config.input_gain)
            self.head.weight.mul_(0.1)
            self.head.bias.zero_()
        self._log_low = math.log(config.sigma_min)
        self._log_range = math.log(config.sigma_max) - self._log_low
        self._set_sigma(config.sigma_init)

    def _set_sigma(self, sigma: float) -> None:
        """Make the scale (a fraction of half the action range) the given one."""
        share = (math.log(sigma) - self._log_low) / self._log_range if self._log_range else 0.5
        share = min(max(share, 1e-4), 1 - 1e-4)
        logit = math.log(share / (1 - share))
        self.sigma_bias = nn.Parameter(
            torch.full((self.action_dim,), logit), requires_grad=self.sigma_mode != "fixed"
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and scale of the action, both [B, A], for features [B, F]."""
        mean, sigma, _ = self.heads(features)
        return mean, sigma

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, scale and the output before tanh, all [B, A], for features [B, F]."""
        out = self.head(self.body(features))
        raw = out[:, : self.action_dim]
        spread = self.sigma_bias
        if self.sigma_mode == "state":
            spread = spread + out[:, self.action_dim :]
        sigma = torch.exp(self._log_low + self._log_range * torch.sigmoid(spread))
        mu = torch.tanh(raw)
        if not self.unit_box:
            mu, sigma = self.centre + self.half_range * mu, self.half_range * sigma
        return mu, sigma.expand_as(mu), raw

    def clip(self, action: Tensor) -> Tensor:
        """Clip actions [B, A] to the Box."""
        return torch.clamp(action, self.low, self.high)
