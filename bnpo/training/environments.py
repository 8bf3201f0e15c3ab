"""The environments that training steps, here or on a cluster, and their state in checkpoints."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch

from bnpo import seeding
from bnpo.agent import Agent
from bnpo.cluster.free_rollouts import FreeRollouts
from bnpo.cluster.joining import joined
from bnpo.cluster.rollouts import RemoteRollouts
from bnpo.config import TrainConfig
from bnpo.envs import make_vector_env
from bnpo.envs.workers.care import WorkerCare
from bnpo.errors import StateUnknown
from bnpo.training.first_look import tell_cut_episodes
from bnpo.training.self_play import SelfPlayEnv

__all__ = ["env_state", "make_training_envs", "set_env_state"]


def make_training_envs(
    agent: Agent, config: TrainConfig, care: WorkerCare, cluster: ExitStack
) -> tuple[Any, Any]:
    """Make the environments and reset them, seeded by the agent's seed.

    Returns a vector environment and the observations of its reset; rollout workers keep theirs.

    Args:
        agent: what learns
        config: on how many environments, where
        care: what to do about workers that fail
        cluster: leaves the Ray cluster that this joins

    """
    tell_cut_episodes(agent, config.train_episode_steps or agent.spec.max_episode_steps)
    later = [agent.env_steps] if agent.env_steps else []  # not the first episodes again
    (seed,) = seeding.derived(agent.seed, seeding.TRAINING_ENVS, *later)
    settings: dict[str, Any] = {"care": care, **agent.env_kwargs}
    if config.train_episode_steps is not None:
        settings["max_episode_steps"] = config.train_episode_steps
    if config.rollouts == "local":
        env: Any = make_vector_env(
            agent.spec.env_id,
            config.num_envs,
            threads=config.threads,
            in_caller=config.overlap == "off",
            **settings,
        )
        if config.opponents is not None:
            sided = partial(make_vector_env, agent.spec.env_id, threads=config.threads, **settings)
            env = SelfPlayEnv(env, agent, config.opponents, sided)
        return env, env.reset(seed=seed)[0]
    ray = cluster.enter_context(joined(config.ray, "rollouts='ray'"))
    shared: dict[str, Any] = {
        "num_envs": config.num_envs,
        "workers": config.rollout_workers,
        "threads": config.threads,
        "settings": settings,
    }
    if config.overlap == "free":
        staleness = config.max_staleness
        return FreeRollouts(agent, ray, seed, care=care, max_staleness=staleness, **shared), None
    return RemoteRollouts(agent, ray, seed, **shared), None


def env_state(env: Any, env_id: str) -> Any:
    """Return the state of environments as a checkpoint holds it.

    Raises:
        StateUnknown: they cannot tell it.

    """
    try:
        state = env.get_state()
    except (AttributeError, ValueError) as error:
        raise StateUnknown(
            f"{env_id} cannot tell its state ({error}), so its runs cannot be resumed"
        ) from error
    return _plain(state)


def set_env_state(env: Any, state: Any) -> None:
    """Let environments go on from what :func:`env_state` returned."""
    env.set_state(_arrays(state))


def _plain(value: Any) -> Any:
    """Arrays as tensors and NumPy numbers as Python's, so that a checkpoint may hold them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    return value.item() if isinstance(value, np.generic) else value


def _arrays(value: Any) -> Any:
    """Tensors of a checkpoint as the arrays that a simulator works on."""
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_arrays(item) for item in value]
    return value.numpy() if isinstance(value, torch.Tensor) else value
