"""What a sweep searches for each preset, where it is not told otherwise."""

from __future__ import annotations

from typing import Any

__all__ = ["RANGES"]

_LEARNING_RATE = {"low": 3e-4, "high": 1e-2, "log": True}

_PPO: dict[str, Any] = {
    "brains.ppo.lr_actor": {"low": 3e-5, "high": 1e-3, "log": True},
    "brains.ppo.learning_repeat": {"choices": [10, 20, 40]},
}

_DDPG: dict[str, Any] = {
    "brains.ddpg.lr_actor": _LEARNING_RATE,
    "brains.ddpg.learning_repeat": {"choices": [100, 200, 300]},
    "brains.ddpg.tau_actor": {"low": 0.01, "high": 0.2, "log": True},
    "brains.ddpg.tau_critic": {"low": 0.01, "high": 0.2, "log": True},
    "brains.ddpg.credit.ratio": {"low": 0.5, "high": 0.9},
    "agent.lr_critic": _LEARNING_RATE,
    "agent.networks.input_gain": {"low": 1.0, "high": 5.0},
}

RANGES: dict[str, dict[str, Any]] = {
    "bpo": {**_DDPG, **_PPO},
    "bnpo": {**_DDPG, **_PPO},
    "ddpg_her": _DDPG,
    "ppo": {
        "brains.ppo.lr_actor": _LEARNING_RATE,
        "brains.ppo.learning_repeat": {"low": 10, "high": 80, "step": 10},
        "brains.ppo.rule.eps": {"low": 0.1, "high": 0.3},
        "agent.lr_critic": _LEARNING_RATE,
        "agent.networks.sigma_init": {"low": 0.2, "high": 0.8},
    },
}
"""Ranges by preset and dotted path: ``low`` and ``high``, with ``log`` or ``step``, or
``choices``."""
