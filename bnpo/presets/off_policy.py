"""Presets of the pathwise rules: on replayed experience alone."""

from __future__ import annotations

from typing import Any

__all__ = ["DDPG_HER", "EXPLORING", "OFF_POLICY"]

DDPG_HER: dict[str, Any] = {
    "memory_size": 1_000_000,
    "batch_size": 256,
    "optim_pool_size": 30_000,
    "optim_epochs": 4,
    "optim_batch_size": 1_024,
    "recalc_delay": 0,
    "lr_actor": 5e-3,
    "learning_delay": 50,
    "learning_repeat": 300,
    "sync_delta_a": 1,
    "sync_delta_c": 1,
    "tau_actor": 0.08,
    "tau_critic": 0.08,
    "bellman": True,
    "ppo_eps": None,
    "natural": False,
    "mean_only": True,
    "separate_actors": True,
    "actor_delay": 2,
    "credit": {"name": "her", "strategy": "future", "ratio": 0.8, "steps": 1},
    "rule": {"name": "ddpg", "mean_only": True, "action_l2": 0.01},
}
"""DDPG with hindsight."""

EXPLORING: dict[str, Any] = {
    "lr_critic": 5e-3,
    "warmup_steps": 800,
    "exploration": [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0],
    "networks": {
        "critics": 2,
        "reduce": "mean",
        "sigma": "fixed",
        "sigma_init": 1.0,
        "input_gain": 3.0,
    },
}
"""Agent settings under which a mean-only DDPG explores."""

OFF_POLICY: dict[str, dict[str, Any]] = {
    "ddpg_her": {"brains": {"ddpg": DDPG_HER}, "agent": EXPLORING},
}
"""Brain lists by name."""
