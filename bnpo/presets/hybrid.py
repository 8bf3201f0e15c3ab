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


def _bpo(*, agent: dict[str, Any] | None = None, **ddpg: Any) -> dict[str, Any]:
    """PPO that smooths on fresh rollouts, DDPG with hindsight that explores."""
    return {
        "brains": {"ppo": PPO, "ddpg": {**DDPG_HER, **ddpg}},
        "agent": {**EXPLORING, **(agent or {})},
    }


HYBRID: dict[str, dict[str, Any]] = {
    "bpo": _bpo(),
    # Where the brains interact: bpo only through the online actor; crossed also through TD targets,
    # which bootstrap from a target actor drawn at random; shared has one target actor for both.
    "bpo_crossed": {
        "brains": {
            "ppo": {**PPO, "separate_actors": False},
            "ddpg": {**DDPG_HER, "separate_actors": False},
        },
        "agent": EXPLORING,
    },
    "bpo_shared": _bpo(agent={"detach_actors": False}),
    "bnpo": {"brains": {"ppo": PPO, "ddpg": _NATURAL}, "agent": EXPLORING},
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
