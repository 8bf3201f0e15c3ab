"""Configuration: frozen, keyword-only, validated at construction, with one clear line per error.

Every public configuration object of BNPO is made with :func:`config`. A bad value is refused
when the object is made, with the object, the field, the value and what is allowed.
"""

from __future__ import annotations

from bnpo.config.agent import AgentConfig
from bnpo.config.base import (
    Count,
    Fraction,
    NonNegative,
    Positive,
    Scale,
    Sizes,
    Steps,
    config,
    nested,
)
from bnpo.config.brain import BrainDescription
from bnpo.config.network import NetworkConfig
from bnpo.config.opponents import OpponentConfig
from bnpo.config.run import RunConfig, TaskConfig
from bnpo.config.train import TrainConfig
from bnpo.errors import ConfigError

__all__ = [
    "AgentConfig",
    "BrainDescription",
    "ConfigError",
    "Count",
    "Fraction",
    "NetworkConfig",
    "NonNegative",
    "OpponentConfig",
    "Positive",
    "RunConfig",
    "Scale",
    "Sizes",
    "Steps",
    "TaskConfig",
    "TrainConfig",
    "config",
    "nested",
]
