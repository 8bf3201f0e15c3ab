"""Presets of several brains on one actor."""

from __future__ import annotations

from typing import Any

from bnpo.presets.off_policy import DDPG_HER, EXPLORING
from bnpo.presets.on_policy import PPO

__all__ = ["HYBRID"]

_NATURAL: dict[str, Any] = {
    **DDPG_HER,
    "actor_delay": 8,
    "rule": {
        **DDPG_HER["rule"],
        "natural": {"delta": 5e-4, "damping": 0.1, "iterations": 20, "backtracks": 3},
    },
}


SMOOTHING: dict[str, Any] = {
    **PPO,
    "learning_repeat": 40,
    "lr_actor": 1e-3,
    "lr_critic": 3e-3,
    "tau_actor": 1.0,
    "tau_critic": 1.0,
    "kl_budget": 0.02,
    "rule": {"name": "ppo", "eps": 0.2},
}
"""PPO beside another brain: K = 20 epochs of two minibatches on the rollouts that the policy itself
acted, with a critic of its own that values that policy. Its turns are as long as their budget
allows: one of 0.05 nats learns quicker with one goal or none, but not on twenty moving arms."""

SHARING: dict[str, Any] = {
    **EXPLORING,
    # Half of the environments show what the policy itself does, the other half explores.
    "on_policy_share": 0.5,
    "exploration": [0.33, 1.33, 2.0, 3.33],
    # The scale is learnt by PPO alone: DDPG is mean_only.
    "networks": {**EXPLORING["networks"], "sigma": "global"},
}
"""Agent settings of a hybrid."""


def _bpo(
    *, agent: dict[str, Any] | None = None, ppo: dict[str, Any] | None = None, **ddpg: Any
) -> dict[str, Any]:
    """PPO that smooths on fresh rollouts, DDPG with hindsight that explores."""
    return {
        "brains": {"ppo": {**SMOOTHING, **(ppo or {})}, "ddpg": {**DDPG_HER, **ddpg}},
        "agent": {**SHARING, **(agent or {})},
    }


HYBRID: dict[str, dict[str, Any]] = {
    "bpo": _bpo(),
    # Where the brains interact: bpo only through the online actor; crossed also through TD targets,
    # which bootstrap from a target actor drawn at random; shared has one target actor for both.
    "bpo_crossed": {
        "brains": {
            "ppo": {**SMOOTHING, "separate_actors": False},
            "ddpg": {**DDPG_HER, "separate_actors": False},
        },
        "agent": SHARING,
    },
    # The target actor is then behind by DDPG's turns as well, and long turns of PPO are clipped.
    "bpo_shared": _bpo(
        ppo={"learning_repeat": 20, "lr_actor": 3e-4}, agent={"detach_actors": False}
    ),
    "bnpo": {"brains": {"ppo": SMOOTHING, "ddpg": _NATURAL}, "agent": SHARING},
    # The predecessor: two actors, one per rule, and the variant in which they change places.
    "rewheeler": _bpo(agent={"policies": "copied"}),
    "rewheeler_swap": _bpo(agent={"policies": "swapped"}),
    # Importance resampling and prioritised replay on the DDPG brain. Only what is drawn from the
    # pool follows the law, so less is reanalysed. Without a clip a few samples are drawn again and
    # again: 1,000 of the pool's 30,000 count, with it 6,000.
    "bpo_ir": _bpo(recalc_delay=3, sampler={"name": "importance_ratio", "clip": 1.0}),
    "bpo_per": _bpo(recalc_delay=3, sampler={"name": "td_error"}),
}
"""Brain lists by name."""
