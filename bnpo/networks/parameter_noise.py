"""Parameter noise: exploration by an actor whose weights are disturbed."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bnpo import seeding
from bnpo.networks.actor import Actor

__all__ = ["ParameterNoise"]


class ParameterNoise:
    """Noisy layers, of which one is renewed at a time (Fortunato et al. 2018, factorised).

    W + c/√p f(ε_out) f(ε_in)ᵀ and b + c/√p f(ε_out), f(x) = sign(x) √|x|, p inputs of the layer.
    Between two renewals the noise is constant, so that exploration is consistent over time.

    Differs from the paper: the scale c is given, not learnt, since the noise is in the actor that
    explores and not in the one that learns. The noise is a function of seed, layer and time alone:
    nothing of it has to be saved.
    """

    def __init__(self, scale: float, delay: int, seed: int) -> None:
        """Describe the noise.

        Args:
            scale: c
            delay: steps between two renewals, of one layer each, in turn
            seed: of the noise

        """
        self.scale = scale
        self.delay = delay
        self.seed = seed
        self._drawn: dict[int, tuple[int, Tensor, Tensor]] = {}  # by layer: renewal and noise

    def act(self, actor: Actor, features: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the mean and scale of the disturbed actor's action, both [B, A].

        Args:
            actor: what is disturbed; it stays as it is
            features: [B, F]
            step: steps taken so far, from which follows how often each layer was renewed

        """
        mu, sigma, _ = actor.heads(features, layers=self.disturbed(actor, step))
        return mu, sigma

    @torch.no_grad()
    def disturbed(self, actor: Actor, step: int) -> list[tuple[Tensor, Tensor]]:
        """Return the weight and bias with noise of every layer of an actor."""
        layers, disturbed = len(actor.layers), []
        for index, (weight, bias) in enumerate(actor.layers):
            # At step r delay layer (r - 1) mod n is renewed.
            renewal = (step // self.delay + layers - 1 - index) // layers
            outer, inner = self._noise(index, renewal, weight)
            disturbed.append((torch.addcmul(weight, outer[:, None], inner), bias + outer))
        return disturbed

    def _noise(self, index: int, renewal: int, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return a layer's noise c/√p f(ε_out) [out] and f(ε_in) [in], new at each renewal."""
        known = self._drawn.get(index)
        if known is not None and known[0] == renewal:
            return known[1], known[2]
        stream = (seeding.PARAMETER_NOISE, index, renewal)
        generator = seeding.generator(weight.device, self.seed, *stream)
        drawn = torch.randn(
            sum(weight.shape), device=weight.device, dtype=weight.dtype, generator=generator
        )
        outer, inner = (drawn.sign() * drawn.abs().sqrt()).split(list(weight.shape))
        outer = outer * (self.scale / math.sqrt(weight.shape[1]))
        self._drawn[index] = (renewal, outer, inner)
        return outer, inner
