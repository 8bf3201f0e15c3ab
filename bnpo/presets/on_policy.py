"""Presets of the likelihood-ratio rules: on fresh rollouts alone."""

from __future__ import annotations

from typing import Any

__all__ = ["ON_POLICY", "PPO"]

PPO: dict[str, Any] = {
    "memory_size": 2_000,
    "batch_size": 200,
    "optim_pool_size": 400,
    "optim_epochs": 2,
    "optim_batch_size": 400,
    "recalc_delay": 1_000_000,
    "lr_actor": 1e-4,
    "lr_critic": 1e-3,
    "learning_delay": 50,
    "learning_repeat": 2,
    "sync_delta_a": 1,
    "sync_delta_c": 1,
    "tau_actor": 0.05,
    "tau_critic": 0.0,
    "bellman": False,
    "ppo_eps": 0.2,
    "natural": False,
    "mean_only": False,
    "separate_actors": True,
    "credit": "gae",
    "rule": {"name": "ppo", "eps": 0.2, "decouple": 2.0},
}
"""A gentle PPO, as it smooths between the turns of another brain."""

ON_POLICY: dict[str, dict[str, Any]] = {
    "ppo": {
        "brains": {
            "ppo": {
                **PPO,
                "lr_actor": 3e-4,
                "optim_epochs": 10,
                "learning_repeat": 40,
                "tau_critic": 1.0,
                "rule": {"name": "ppo", "eps": 0.2},
            }
        },
        "agent": {"networks": {"sigma": "global", "sigma_init": 0.5}},
    },
}
"""Brain lists by name."""
