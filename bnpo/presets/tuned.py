"""Settings that were found for a preset on a task; everything a user says is stronger."""

from __future__ import annotations

from typing import Any

from bnpo.presets.hybrid import HYBRID

__all__ = ["TUNED"]

_MANIPULATION: dict[str, Any] = {
    "agent": {
        "gamma": 0.95,
        "target_bounds": [-20.0, 0.0],
        "lr_critic": 1e-3,
        "warmup_steps": 8_000,
        # Few of a random arm's episodes move the object at all, and only wide noise does.
        "exploration": [0.33, 0.67, 1.0, 1.0, 1.33, 2.0, 3.33, 3.33],
        "networks": {
            "actor_hidden": [256, 256],
            "critic_hidden": [256, 256],
            "critics": 2,
            "layer_norm": True,
            "input_gain": 1.0,
        },
    },
    "brains": {
        "ddpg": {
            "lr_actor": 1e-3,
            # Two learning steps for one of the environment, which a normalised critic bears.
            "learning_repeat": 800,
            "actor_delay": 1,
            "tau_actor": 0.05,
            "tau_critic": 0.05,
            # Hindsight about an object that never moved teaches nothing: draw by TD error.
            "optim_pool_size": 300_000,
            "recalc_delay": 7,
            "sampler": {"name": "td_error"},
            "rule": {"name": "ddpg", "mean_only": True, "action_l2": 0.1},
        },
    },
}

_ROLLOUT: dict[str, Any] = {"learning_delay": 60}
"""Turns directly after the rollouts of 60 decisions."""

_REACHER_V5: dict[str, Any] = {
    "num_envs": 16,
    "agent": {
        "max_steps": 25,
        "gamma": 0.95,
        "networks": {"sigma_init": 0.2, "input_gain": 1.5},
    },
    "brains": {
        "ppo": {
            "learning_delay": 25,
            "optim_epochs": 4,
            "learning_repeat": 52,
            "lr_actor": 6.5e-4,
            "lr_critic": 4e-3,
            "rule": {"name": "ppo", "eps": 0.25},
            "credit": {"name": "gae", "gae_lambda": 0.95},
        },
    },
}


def _large(brain: str, **fields: Any) -> dict[str, Any]:
    """Steps of the actor on whole rollouts of 64 environments.

    The size of the batch counts most for rules that weigh log π by a return: eight episodes do not
    tell a direction from noise on the goal Reacher, 64 do.
    """
    return {"num_envs": 64, "brains": {brain: fields}}


_ONE_STEP: dict[str, Any] = {"learning_repeat": 6, "actor_delay": 6}

TUNED: dict[tuple[str, str], dict[str, Any]] = {
    **{
        (name, "moving_reacher"): {"brains": {"ppo": _ROLLOUT, "ddpg": _ROLLOUT}}
        for name, preset in HYBRID.items()
        if set(preset["brains"]) == {"ppo", "ddpg"}
    },
    **{
        (f"ppo_her_shift{ratio}", "moving_reacher"): {"brains": {"ppo": _ROLLOUT}}
        for ratio in ("", "_sampled", "_realigned")
    },
    **{
        (f"vpg_{phi}", "goal_reacher"): _large("vpg", **_ONE_STEP)
        for phi in ("simple", "rtg", "constant", "baseline")
    },
    # Whose weight is what the critic says of an action: it has to be learnt well.
    ("vpg_q", "goal_reacher"): _large("vpg"),
    **{
        (name, "goal_reacher"): _large("a2c", lr_actor=2e-3, **_ONE_STEP)
        for name in ("a2c", "a2c_kstep")
    },
    ("npg", "goal_reacher"): _large("npg", **_ONE_STEP),
    # Twice as many draws, with replacement, as the last two rollouts have transitions.
    ("is_return", "goal_reacher"): _large(
        "is_return",
        memory_size=6_400,
        **dict.fromkeys(("optim_pool_size", "optim_batch_size", "batch_size"), 12_800),
    ),
    # One sample of each of many plans shows more goals than three of each of fewer do; the states
    # around them show the way back, which a fit to the samples alone does not know (seed 100).
    ("gps", "goal_reacher"): {
        "brains": {
            "gps": {
                "rule": {
                    "name": "gps",
                    "guidance": {
                        "plans": 320,
                        "guess": 0.01,
                        "samples": 1,
                        "around": 8,
                        "spread": 12.0,
                        "fit_steps": 12_000,
                    },
                }
            }
        }
    },
    ("ppo", "reacher_v5"): _REACHER_V5,
    # First actions of half the torques' range learn slowly (benchmarks/on_policy_search.py).
    ("trpo", "reacher_v5"): {"agent": {"networks": {"sigma_init": 0.2}}},
    ("bpo", "fetch_reach"): {"brains": {"ddpg": {"optim_batch_size": 800}}},
    ("ddpg_her", "fetch_reach"): {"brains": {"ddpg": {"optim_batch_size": 800}}},
    **{
        (preset, task): _MANIPULATION
        for preset in ("ddpg_her", "bpo")
        for task in ("fetch_push", "fetch_pick_and_place", "fetch_slide")
    },
}
"""Settings by preset and task."""
