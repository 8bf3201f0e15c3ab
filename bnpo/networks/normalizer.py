"""Running normalisation of observations and goals."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn

__all__ = ["Normalizer"]


_ROUNDINGS = 8.0
"""Deviation below which a quantity is taken to be constant (roundings of its mean)."""

_LEAST = 1e-30
"""Standard deviation below which numbers are taken to be constant; its inverse must be finite."""


class Normalizer(nn.Module):
    """Shifts and scales observation and goal to zero mean, unit variance; joins them as features.

    Whatever their unit: what happens within millionths is scaled as what happens within millions.
    A quantity that does not vary is shifted alone.

    Statistics come from fresh experience only, each sample counted once. New samples wait
    (:meth:`observe`) until :meth:`commit`, so that the inputs of the actor are frozen from acting
    to the end of the brain's turn that learns from it.
    """

    mean: Tensor
    """[O + G], of the samples in force."""
    scale: Tensor
    """[O + G], one over their standard deviation."""
    shift: Tensor
    """[O + G], minus mean times scale."""
    totals: Tensor
    """[3, O + G], count, mean and sum of squared deviations of the samples in force."""
    pending: Tensor
    """[3, O + G], count, mean and sum of squares of the samples that wait for the next commit."""

    def __init__(
        self,
        observation_dim: int,
        goal_dim: int,
        *,
        shows_achieved: bool = False,
        enabled: bool = True,
        clip: float = 5.0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Start as the identity.

        Args:
            observation_dim: O
            goal_dim: G, 0 without goals
            shows_achieved: the last G numbers of an observation are the achieved goal; they share
                the statistics of goals, so that both lie on one scale
            enabled: False leaves inputs as they are
            clip: bound of the normalised inputs (standard deviations)
            device: where inputs lie
            dtype: floating point type of inputs; sums are float64 whatever it is

        """
        super().__init__()
        self.observation_dim = observation_dim
        self.goal_dim = goal_dim
        self.features = observation_dim + goal_dim
        self.shows_achieved = shows_achieved
        self.enabled = enabled
        self.clip = clip
        self.changes = 0
        """How often other statistics came into force, in this process"""
        self.register_buffer("mean", torch.zeros(self.features, device=device, dtype=dtype))
        self.register_buffer("scale", torch.ones(self.features, device=device, dtype=dtype))
        self.register_buffer("shift", torch.zeros(self.features, device=device, dtype=dtype))
        # rows: count, mean, sum of squared deviations
        moments = torch.zeros(3, self.features, device=device, dtype=torch.float64)
        self.register_buffer("totals", moments)
        self.register_buffer("pending", moments.clone())

    def forward(self, observation: Tensor, goal: Tensor) -> Tensor:
        """Return the features [B, O + G] of observations [B, O] and goals [B, G]."""
        joined = torch.cat((observation, goal), -1) if self.goal_dim else observation
        if not self.enabled:
            return joined
        return torch.addcmul(self.shift, joined, self.scale).clamp_(-self.clip, self.clip)

    @torch.no_grad()
    def observe(self, observation: Tensor, goals: Tensor) -> None:
        """Take fresh samples into the statistics that the next commit puts in force.

        Args:
            observation: [N, O]
            goals: [M, G], achieved and desired goals

        """
        parts = []
        for samples in (observation, goals) if self.goal_dim else (observation,):
            numbers = samples.to(torch.float64)
            mean = numbers.sum(0) / max(len(numbers), 1)
            deviations = (numbers - mean).square().sum(0)
            parts.append(torch.stack((torch.full_like(mean, len(numbers)), mean, deviations)))
        self.pending.copy_(_merge(self.pending, torch.cat(parts, -1)))

    @torch.no_grad()
    def commit(self) -> None:
        """Put the statistics of all samples observed so far in force."""
        if self.enabled and self.count_pending():
            self.put_in_force(self.statistics())

    @torch.no_grad()
    def count_pending(self) -> bool:
        """Add the waiting samples to the totals, not in force yet; return whether any waited."""
        if not bool(self.pending[0].any()):
            return False
        self.totals.copy_(_merge(self.totals, self.pending))
        self.pending.zero_()
        return True

    @torch.no_grad()
    def statistics(self) -> Tensor:
        """Return the mean, scale and shift that follow from the totals, [3, O + G]."""
        moments = self.totals.clone()
        if self.shows_achieved:
            end = self.observation_dim
            moments[:, end - self.goal_dim : end] = moments[:, end:]
        count, mean, deviations = moments
        deviation = (deviations / count.clamp(min=1)).sqrt()
        noise = _ROUNDINGS * torch.finfo(self.mean.dtype).eps * mean.abs()
        deviation = torch.where(deviation > noise.clamp(min=_LEAST), deviation, 1.0)
        scale = (1.0 / deviation).to(self.scale.dtype)
        mean = mean.to(self.mean.dtype)
        return torch.stack((mean, scale, -mean * scale))

    @torch.no_grad()
    def put_in_force(self, statistics: Tensor) -> None:
        """Normalise by this mean, scale and shift, [3, O + G], from now on."""
        for own, new in zip((self.mean, self.scale, self.shift), statistics, strict=True):
            own.copy_(new)
        self.changes += 1

    def clone(self) -> Self:
        """Return an independent copy."""
        return copy.deepcopy(self)


def _merge(a: Tensor, b: Tensor) -> Tensor:
    """Return the moments of the union of two sets of samples (Chan, Golub and LeVeque 1979)."""
    count = a[0] + b[0]
    share = b[0] / count.clamp(min=1)
    shift = b[1] - a[1]
    mean = a[1] + shift * share
    return torch.stack((count, mean, a[2] + b[2] + shift.square() * a[0] * share))
