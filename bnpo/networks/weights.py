"""Weights of layers, looked up quickly."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

__all__ = ["weights"]


def weights(layers: Sequence[nn.Module]) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of linear layers.

    They are read where a module keeps them: ``layer.weight`` searches its dictionaries each time,
    which a small network's learning step feels.
    """
    stores = [layer._parameters for layer in layers]
    return [(store["weight"], store["bias"]) for store in stores]  # type: ignore[misc]
