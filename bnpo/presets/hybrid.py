"""Presets of several brains on one actor."""

from __future__ import annotations

from typing import Any

from bnpo.presets.off_policy import DDPG_HER, EXPLORING
from bnpo.presets.on_policy import PPO

__all__ = ["HYBRID"]

HYBRID: dict[str, dict[str, Any]] = {
    "bpo": {"brains": {"ppo": PPO, "ddpg": DDPG_HER}, "agent": EXPLORING},
}
"""Brain lists by name."""
