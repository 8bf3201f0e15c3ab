"""Presets that start from trajectories planned on the simulator."""

from __future__ import annotations

from typing import Any

from bnpo.presets.off_policy import IS_RETURN

__all__ = ["GUIDED"]

GPS: dict[str, Any] = {
    **IS_RETURN,
    "memory_size": 12_000,
    "batch_size": 4_000,
    "optim_pool_size": 4_000,
    "optim_batch_size": 4_000,
    "learning_repeat": 10,
    "lr_actor": 1e-3,
    "tau_actor": 0.0,
    "rule": {"name": "gps"},
}
"""Guided policy search: the guiding samples and the latest rollouts, ten steps up per turn."""

GUIDED: dict[str, dict[str, Any]] = {
    "gps": {
        "brains": {"gps": GPS},
        "agent": {"networks": {"sigma": "global", "sigma_init": 0.2}},
    },
}
"""Brain lists by name."""
