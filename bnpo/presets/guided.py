"""Presets that start from trajectories planned on the simulator."""

from __future__ import annotations

from typing import Any

from bnpo.presets.off_policy import IS_RETURN

__all__ = ["GUIDED"]

GPS: dict[str, Any] = {
    **IS_RETURN,
    "memory_size": 3_200,
    "batch_size": 3_200,
    "optim_pool_size": 3_200,
    "optim_batch_size": 3_200,
    "learning_delay": 50,
    "learning_repeat": 5,
    "lr_actor": 1e-4,
    "tau_actor": 0.0,
    "rule": {"name": "gps"},
}
"""Guided policy search. Starts from the latest guiding samples, goes on with the last eight
rollouts; five gentle steps per turn, since what one sample says of a gradient is mostly noise."""

GUIDED: dict[str, dict[str, Any]] = {
    "gps": {
        "brains": {"gps": GPS},
        "agent": {"networks": {"sigma": "global", "sigma_init": 0.2, "input_gain": 3.0}},
    },
}
"""Brain lists by name."""
