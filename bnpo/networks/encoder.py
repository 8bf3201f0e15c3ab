"""What stands before actor and critic: normalisation, with frame history and memory if any."""

from __future__ import annotations

import torch

from bnpo.config import NetworkConfig
from bnpo.networks.memory import Memory, remembers
from bnpo.networks.normalizer import Normalizer
from bnpo.types import TaskSpec

__all__ = ["Encoder", "build_encoder"]

Encoder = Normalizer | Memory
"""Encoder: makes features of a state and a goal."""


def build_encoder(
    spec: TaskSpec, config: NetworkConfig, device: torch.device, dtype: torch.dtype
) -> Encoder:
    """Make the encoder of a task's observations and goals."""
    normalizer = Normalizer(
        spec.observation_dim,
        spec.goal_dim,
        shows_achieved=config.observe_achieved_goal and spec.is_goal_env,
        enabled=config.normalize,
        clip=config.normalize_clip,
        device=device,
        dtype=dtype,
    )
    return Memory(normalizer, config) if remembers(config) else normalizer
