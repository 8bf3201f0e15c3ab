"""The environments that training steps, here or on a cluster, and their state in checkpoints."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from bnpo.cluster.joining import joined
from bnpo.config import TrainConfig
from bnpo.envs import make_vector_env
from bnpo.envs.worker_care import WorkerCare

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.cluster.rollouts import RemoteRollouts

__all__ = ["StateUnknown", "TrainingEnvs", "env_state", "make_training_envs", "set_env_state"]

_STREAM = 1_000


class StateUnknown(ValueError):
    """An environment that cannot tell its state: only the policy of its runs can be saved."""


class TrainingEnvs(NamedTuple):
    """Environments that were reset."""

    env: Any
    """The batch of them"""

    shown: Any
    """What they show"""

    remote: RemoteRollouts | None
    """Themselves, where rollout workers step them"""


def make_training_envs(
    agent: Agent, config: TrainConfig, care: WorkerCare, cluster: ExitStack
) -> TrainingEnvs:
    """Make the environments and reset them, seeded by the agent's seed.

    Args:
        agent: what learns
        config: on how many environments, where
        care: what to do about workers that fail
        cluster: leaves the Ray cluster that this joins

    """
    later = [agent.env_steps] if agent.env_steps else []  # not the first episodes again
    sequence = np.random.SeedSequence([agent.seed, _STREAM, *later])
    seed = int(sequence.generate_state(1)[0] >> 1)
    settings: dict[str, Any] = {"care": care, **agent.env_kwargs}
    if config.train_episode_steps is not None:
        settings["max_episode_steps"] = config.train_episode_steps
    if config.rollouts == "local":
        env = make_vector_env(
            agent.spec.env_id,
            config.num_envs,
            threads=config.threads,
            in_caller=config.overlap == "off",
            **settings,
        )
        return TrainingEnvs(env, env.reset(seed=seed)[0], None)
    from bnpo.cluster.rollouts import RemoteRollouts

    remote = RemoteRollouts(
        agent,
        cluster.enter_context(joined(config.ray, "rollouts='ray'")),
        seed,
        num_envs=config.num_envs,
        workers=config.rollout_workers,
        threads=config.threads,
        settings=settings,
    )
    return TrainingEnvs(remote, remote.shown(), remote)


def env_state(env: Any, env_id: str) -> Any:
    """Return the state of environments as a checkpoint holds it.

    Raises:
        StateUnknown: they cannot tell it.

    """
    try:
        state = env.get_state()
    except (AttributeError, ValueError) as error:
        raise StateUnknown(
            f"{env_id} cannot tell its state, so its runs cannot be resumed"
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
