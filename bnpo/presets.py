"""Presets: brain lists and tasks by name, and agents built from plain configuration.

Configuration here is what JSON can hold, so that a run's record rebuilds its agent. Rules, credit
schemes and sampling laws are given by name, or as ``{"name": ..., field: value, ...}``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bnpo.agent import Agent
from bnpo.brains.registry import RULES
from bnpo.config import (
    AgentConfig,
    BrainDescription,
    ConfigError,
    NetworkConfig,
    TrainConfig,
)
from bnpo.credit.registry import SCHEMES
from bnpo.replay import LAWS

__all__ = ["PRESETS", "TASKS", "build_agent", "build_brain", "build_train_config"]

_PPO: dict[str, Any] = {
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

_DDPG_HER: dict[str, Any] = {
    "memory_size": 1_000_000,
    "batch_size": 256,
    "optim_pool_size": 30_000,
    "optim_epochs": 4,
    "optim_batch_size": 1_024,
    "recalc_delay": 0,
    "lr_actor": 5e-3,
    "learning_delay": 50,
    "learning_repeat": 200,
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

_OFF_POLICY_AGENT: dict[str, Any] = {
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

PRESETS: dict[str, dict[str, Any]] = {
    "bpo": {"brains": {"ppo": _PPO, "ddpg": _DDPG_HER}, "agent": _OFF_POLICY_AGENT},
    "ddpg_her": {"brains": {"ddpg": _DDPG_HER}, "agent": _OFF_POLICY_AGENT},
    "ppo": {
        "brains": {
            "ppo": {
                **_PPO,
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
"""Brain lists by name, with the agent settings they were made for."""

TASKS: dict[str, dict[str, Any]] = {
    "goal_reacher": {
        "env": "bnpo/GoalReacher-v0",
        "agent": {"gamma": 0.95, "max_steps": 50, "target_bounds": [-20.0, 0.0]},
    },
    "moving_reacher": {
        "env": "bnpo/MovingReacher-v0",
        "num_envs": 20,
        "train_episode_steps": 60,
        "total_steps": 400_000,
        "eval_interval": 20_000,
        "solve_metric": "mean_score",
        "solve_threshold": 30.0,
        "agent": {"gamma": 0.95, "max_steps": 60, "target_bounds": [-20.0, 0.0]},
    },
    **{
        name: {
            "env": env,
            "total_steps": steps,
            "eval_interval": interval,
            "agent": {"gamma": 0.98, "max_steps": 50, "target_bounds": [-50.0, 0.0]},
        }
        for name, env, steps, interval in (
            ("fetch_reach", "FetchReach-v4", 10_000, 1_000),
            ("fetch_push", "FetchPush-v4", 500_000, 10_000),
            ("fetch_slide", "FetchSlide-v4", 1_000_000, 20_000),
            ("fetch_pick_and_place", "FetchPickAndPlace-v4", 1_000_000, 20_000),
        )
    },
    "point_maze": {
        "env": "PointMaze_UMaze-v3",
        "env_kwargs": {"continuing_task": True, "max_episode_steps": 300},
        "total_steps": 200_000,
        "eval_interval": 10_000,
        "agent": {"gamma": 0.98, "max_steps": 100, "target_bounds": [0.0, 50.0]},
    },
}
"""Environments by name, with the agent settings that follow from them."""


def build_brain(name: str, fields: Mapping[str, Any]) -> BrainDescription:
    """Make a brain from plain fields.

    Raises:
        ConfigError: naming the brain and the field.

    """
    made = dict(fields)
    registries: dict[str, Mapping[str, type[Any]]] = {
        "rule": RULES,
        "credit": SCHEMES,
        "sampler": LAWS,
    }
    try:
        for key, registry in registries.items():
            if isinstance(made.get(key), Mapping):
                made[key] = _build(key, made[key], registry)
        return BrainDescription(**{"name": name, **made})
    except ConfigError as error:
        raise ConfigError(f"brains.{name}: {error}") from None


def build_agent(config: Mapping[str, Any]) -> Agent:
    """Make the agent that a run's configuration describes.

    Args:
        config: ``env``, ``env_kwargs``, ``seed``, ``agent`` (fields of AgentConfig) and ``brains``
            (name -> fields of BrainDescription)

    Raises:
        ConfigError: naming the field, its value and what is allowed.

    """
    settings = dict(config.get("agent") or {})
    networks = NetworkConfig(**(settings.pop("networks", None) or {}))
    agent_config = AgentConfig(**settings, networks=networks)
    brains = [build_brain(name, fields) for name, fields in config["brains"].items()]
    return Agent.for_env(
        config["env"],
        brains,
        seed=config["seed"],
        config=agent_config,
        env_kwargs=dict(config.get("env_kwargs") or {}),
    )


def build_train_config(config: Mapping[str, Any]) -> TrainConfig:
    """Take the fields of TrainConfig out of a run's configuration."""
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    return TrainConfig(**{name: value for name, value in config.items() if name in names})


def _build(key: str, fields: Mapping[str, Any], registry: Mapping[str, type[Any]]) -> Any:
    """Make the named object of a registry with the given fields."""
    rest = dict(fields)
    name = rest.pop("name", None)
    if name not in registry:
        raise ConfigError(f"{key}.name = {name!r}: allowed is one of {sorted(registry)}")
    return registry[name](**rest)
