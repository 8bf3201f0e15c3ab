"""Presets of the rules that learn from replayed experience alone."""

from __future__ import annotations

from typing import Any

from bnpo.presets.on_policy import PPO

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
"""DDPG with hindsight, which learns and climbs Q at point masses."""

EXPLORING: dict[str, Any] = {
    "lr_critic": 5e-3,
    "warmup_steps": 800,
    "exploration": [0.17, 0.33, 0.67, 1.0, 1.33, 2.0, 2.67, 3.33],
    "networks": {
        "critics": 2,
        "reduce": "mean",
        "sigma": "fixed",
        "sigma_init": 0.3,
        "input_gain": 3.0,
    },
}
"""Agent settings under which a mean-only DDPG explores."""

DDPG: dict[str, Any] = {
    **DDPG_HER,
    "recalc_delay": 1_000_000,
    "credit": {"name": "floating", "steps": 3},
    "lr_actor": 1e-3,
}
"""DDPG without hindsight, which climbs Q(s, g, mu, sigma) as the article has it."""

ONE_STEP: dict[str, Any] = {**DDPG, "credit": {"name": "n_step", "steps": 1}}
"""Twin critics and single steps, as the papers on SAC, TD3 and DA-AC have them."""

SAC: dict[str, Any] = {
    **ONE_STEP,
    "actor_delay": 1,
    "mean_only": False,
    "lr_actor": 1e-3,
    "tau_actor": 1.0,
    "tau_critic": 0.02,
    "rule": {"name": "sac"},
}
"""Soft actor-critic, without hindsight."""

TD3: dict[str, Any] = {**ONE_STEP, "tau_actor": 0.02, "tau_critic": 0.02, "rule": {"name": "td3"}}
"""TD3, without hindsight."""

DA_AC: dict[str, Any] = {**TD3, "mean_only": False, "rule": {"name": "da_ac"}}
"""Distributions as actions: Q of distributions, the actor's scale learnt by it."""

AWR: dict[str, Any] = {
    **DDPG,
    "bellman": False,
    "actor_delay": 1,
    "credit": {"name": "n_step", "steps": 1},
    "rule": {"name": "awr"},
}
"""Advantage-weighted regression to everything remembered."""

_HINDSIGHT: dict[str, Any] = {"recalc_delay": 0, "credit": DDPG_HER["credit"]}

_TWIN: dict[str, Any] = {"critics": 2, "reduce": "min", "input_gain": 3.0}


def _twin(name: str, brain: dict[str, Any], exploration: list[float], **networks: Any) -> Any:
    """List of one brain with twin critics and their minimum."""
    agent = {**EXPLORING, "exploration": exploration, "networks": {**_TWIN, **networks}}
    return {"brains": {name: brain}, "agent": agent}


IS_RETURN: dict[str, Any] = {
    **PPO,
    "memory_size": 1_600,
    "batch_size": 3_200,
    "optim_pool_size": 3_200,
    "optim_batch_size": 3_200,
    "optim_epochs": 1,
    "recalc_delay": 0,
    "learning_repeat": 1,
    "ppo_eps": None,
    "credit": None,
    "rule": {
        "name": "is_return",
        "log_z": 1e-4,
        "by_start": True,
        "natural": {"delta": 0.01, "damping": 0.01, "backtracks": 0},
    },
}
"""The off-policy return of the last four rollouts, one natural step a turn. The KL of 0.01 of one
action adds up over an episode; at ten times that one trajectory outweighs all others. Drawn with
replacement, so twice as many as there are."""

OFF_POLICY: dict[str, dict[str, Any]] = {
    "ddpg": {
        "brains": {"ddpg": DDPG},
        "agent": {
            **EXPLORING,
            "exploration": [0.5, 1.0, 2.0, 4.0],
            "networks": {**EXPLORING["networks"], "sigma_init": 0.2},
        },
    },
    "ddpg_her": {"brains": {"ddpg": DDPG_HER}, "agent": EXPLORING},
    # One critic of distributions, three ways to use it: at actions of the policy with entropy, at
    # its mean action with smoothed targets, at the distribution itself.
    "sac": _twin("sac", SAC, [1.0], sigma="state", sigma_init=0.5),
    "sac_her": _twin("sac", {**SAC, **_HINDSIGHT}, [1.0], sigma="state", sigma_init=0.5),
    "td3": _twin("td3", TD3, [0.5, 1.0, 2.0, 4.0], sigma="fixed", sigma_init=0.2),
    "td3_her": _twin(
        "td3", {**TD3, **_HINDSIGHT}, EXPLORING["exploration"], sigma="fixed", sigma_init=0.3
    ),
    "da_ac": _twin("da_ac", DA_AC, [1.0], sigma="state", sigma_init=0.5),
    # Weighted regression, without hindsight and with goals that the actions reached.
    "awr": _twin("awr", AWR, [1.0], sigma="fixed", sigma_init=0.3),
    "awr_her": _twin("awr", {**AWR, **_HINDSIGHT}, [1.0], sigma="fixed", sigma_init=0.3),
    "is_return": {
        "brains": {"is_return": IS_RETURN},
        # Less noise is the easiest way to a higher return: a bound keeps some to learn from.
        "agent": {"networks": {"sigma": "global", "sigma_init": 0.5, "sigma_min": 0.25}},
    },
}
"""Brain lists by name."""
