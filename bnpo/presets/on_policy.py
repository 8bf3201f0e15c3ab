"""Presets of the likelihood-ratio rules: on fresh rollouts alone."""

from __future__ import annotations

from typing import Any

__all__ = ["ON_POLICY", "PPO"]

PPO: dict[str, Any] = {
    "memory_size": 2_000,
    "batch_size": "rollout",
    "optim_pool_size": "rollout",
    "optim_epochs": 2,
    "optim_batch_size": "rollout",
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

EPOCHS: dict[str, Any] = {
    **PPO,
    "lr_actor": 3e-4,
    "learning_repeat": 40,
    "tau_critic": 1.0,
    "rule": {"name": "ppo", "eps": 0.2},
}
"""PPO alone: K = 20 epochs of two minibatches on each rollout."""

SELF_PLAY: dict[str, Any] = {
    **EPOCHS,
    "optim_epochs": 4,
    "learning_repeat": 32,
    "lr_actor": 1e-3,
    "rule": {"name": "ppo", "eps": 0.2, "entropy": 0.003},
}
"""PPO on many rows: eight epochs of four minibatches on each rollout.

A goal is rare and its reward all there is: from 64 rows the policy mostly learns to
defend; from 512, with wide actions that the entropy keeps wide, it learns to attack as well.
"""

REPPO: dict[str, Any] = {
    **EPOCHS,
    "lr_actor": 1e-3,
    "lr_critic": 3e-3,
    "bellman": True,
    "ppo_eps": None,
    "tau_actor": 1.0,
    "credit": {"name": "soft_gae", "gae_lambda": 0.8},
    "rule": {"name": "reppo"},
}
"""The pathwise rule for fresh rollouts: as many epochs as PPO, and a quicker critic, whose slope is
all that the actor goes by."""

IPG: dict[str, Any] = {**EPOCHS, "rule": {"name": "ipg", "nu": 0.2}}
"""PPO's epochs along both gradients."""

ONCE: dict[str, Any] = {
    **PPO,
    "optim_epochs": 1,
    "learning_repeat": 20,
    "actor_delay": 20,
    "lr_actor": 5e-3,
    "lr_critic": 3e-3,
    "tau_actor": 1.0,
    "tau_critic": 1.0,
    "ppo_eps": None,
}
"""One actor step on the whole rollout, then nineteen more critic steps. Without target networks: at
tau = 1 and one minibatch per round they are the online networks at every step."""

TRUST_REGION: dict[str, Any] = {
    **ONCE,
    "learning_delay": 200,
    "rule": {"name": "trpo", "natural": {"delta": 0.05, "damping": 0.1, "iterations": 20}},
}
"""One trust-region step on four rollouts at once. Its length is the same whatever the gradient's
noise, and 400 transitions do not tell a direction from noise among 5,000 parameters: longer steps
or better solved ones on them are worse, on 1,600 they are better."""

_NATURAL: dict[str, Any] = {"delta": 0.02, "damping": 0.01, "backtracks": 0}

_AGENT: dict[str, Any] = {"networks": {"sigma": "global", "sigma_init": 0.5}}


def _alone(
    name: str, brain: dict[str, Any], networks: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """List of one brain, with the settings of the on-policy agents."""
    agent = {"networks": {**_AGENT["networks"], **(networks or {})}}
    return {"brains": {name: {**brain, **fields}}, "agent": agent}


def _vanilla(credit: str, phi: str, delta: float, **options: Any) -> dict[str, Any]:
    """Policy gradient by one natural step of mean KL ``delta`` on each rollout.

    Adam's steps are no measure of how far the policy moves: before it looks at the goal, it is led
    into torques at their bounds, where tanh lets no gradient through. Weights are centred where phi
    brings no constant of its own.
    """
    natural = {**_NATURAL, "delta": delta}
    return _alone(
        "vpg",
        ONCE,
        credit={"name": credit, **options} if options else credit,
        rule={"name": "vpg", "phi": phi, "normalize": phi != "constant", "natural": natural},
    )


def _shifted(ratio: str) -> dict[str, Any]:
    """PPO that also learns from shifted goals, by one of the three ratios.

    Of one step, since the ratios correct the first action alone: over two the gradient is 44 % off.
    """
    credit = {"name": "shifted_goals", "ratio": ratio, "steps": 1}
    return _alone("ppo", EPOCHS, credit=credit)


ON_POLICY: dict[str, dict[str, Any]] = {
    # The vanilla policy gradient: what weighs log pi follows from the credit and from phi.
    "vpg_simple": _vanilla("full_return", "return", 0.01),
    "vpg_rtg": _vanilla("reward_to_go", "return", 0.01, bootstrap=True),
    "vpg_constant": _vanilla("reward_to_go", "constant", 0.01, bootstrap=True),
    "vpg_baseline": _vanilla("reward_to_go", "advantage", 0.02, bootstrap=True),
    "vpg_q": _vanilla("gae", "q", 0.01),
    # A2C, bootstrapping from the online networks; its advantages by GAE or over k steps.
    "a2c": _alone("a2c", ONCE, rule={"name": "vpg", "normalize": True, "entropy": 1e-3}),
    "a2c_kstep": _alone(
        "a2c",
        ONCE,
        credit={"name": "n_step", "steps": 5},
        rule={"name": "vpg", "normalize": True, "entropy": 1e-3},
    ),
    "npg": _alone("npg", ONCE, rule={"name": "vpg", "normalize": True, "natural": _NATURAL}),
    "trpo": _alone("trpo", TRUST_REGION),
    "trpo_soft": _alone("ppo_kl", EPOCHS, rule={"name": "ppo_kl", "beta": 1.0, "kl_target": None}),
    "ppo": _alone("ppo", EPOCHS),
    "ppo_kl": _alone("ppo_kl", EPOCHS, rule={"name": "ppo_kl", "beta": 1.0, "kl_target": 0.02}),
    # The critic's own gradient on fresh rollouts: within a KL, and beside the likelihood ratio's.
    "reppo": _alone("reppo", REPPO),
    "ipg": _alone("ipg", IPG, {"critics": 2, "reduce": "mean"}),
    # Without hindsight, without and with floating step: the n of the n-step advantage is fixed, or
    # drawn anew for each transition with the same mean.
    "ppo_nofs": _alone("ppo", EPOCHS, credit={"name": "n_step", "steps": 5}),
    "ppo_fs": _alone("ppo", EPOCHS, credit={"name": "floating", "steps": 9}),
    # Hindsight that a likelihood ratio survives, for goals that move by themselves.
    "ppo_her_shift": _shifted("decoupled"),
    "ppo_her_shift_sampled": _shifted("sampled"),
    "ppo_her_shift_realigned": _shifted("realigned"),
    # Against itself, on tasks of two sides; agent.networks.memory gives it a memory.
    "self_play": {
        **_alone("ppo", SELF_PLAY, {"sigma_init": 1.0}),
        "num_envs": 512,
        "opponents": {"past_share": 0.2, "pool_size": 20, "interval": 300_000},
    },
    # Two PPO brains: one quick on each rollout, one careful on the last five.
    "ppo_pair": {
        "brains": {
            "quick": EPOCHS,
            "careful": {
                **EPOCHS,
                "optim_epochs": 4,
                "learning_delay": 250,
                "learning_repeat": 40,
                "lr_actor": 1e-4,
                "rule": {"name": "ppo", "eps": 0.1, "target_kl": 0.05},
            },
        },
        "agent": _AGENT,
    },
}
"""Brain lists by name."""
