"""Validation of a whole configuration, apart from training: what passes can be trained."""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from pathlib import Path

import gymnasium as gym
import torch

from bnpo.agent import Agent
from bnpo.cluster.joining import checked_address
from bnpo.config import RunConfig, TaskConfig, TrainConfig
from bnpo.envs import describe, make_env
from bnpo.envs.lookup import discard
from bnpo.envs.making import refuse_taken
from bnpo.errors import ConfigError
from bnpo.interop.offline import check_offline
from bnpo.presets import agent_of
from bnpo.replay import SegmentTable
from bnpo.training.callbacks import TensorBoard
from bnpo.training.callbacks.dispatch import callback_of
from bnpo.types import TaskSpec

__all__ = ["check_writable", "validate"]


def validate(run: RunConfig) -> Agent:
    """Build the agent that a run's configuration describes, and check the run around it.

    Nothing is trained and no file written.

    Raises:
        ConfigError: naming the first field that cannot work, its value and what is allowed.

    """
    if run.task.tensorboard:
        TensorBoard()
    for callback in run.train.callbacks:
        callback_of(callback)
    if run.train.rollouts == "ray":
        checked_address(run.train.ray, "rollouts='ray'")
    spec = _described(run.task)
    _check_device(run.agent.device)
    _check_networks(spec, run)
    agent = agent_of(run)
    run.train.require_fits(agent.config)
    _check_replay(agent, run.train)
    _check_pools(agent)
    if run.train.offline is not None:
        check_offline(agent, run.train.offline)
    return agent


def check_writable(folder: Path) -> None:
    """Raise a ConfigError unless files can be written into a folder, which is made if absent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"runs folder {folder} cannot be written: {reason}") from None


def _described(task: TaskConfig) -> TaskSpec:
    """Describe the environment; refuse one that cannot be made or trained on."""
    try:
        refuse_taken(task.env_kwargs)
        env = make_env(task.env, **task.env_kwargs)
        try:
            spec: TaskSpec = describe(env)
            return spec
        finally:
            discard(env)
    except (ValueError, gym.error.Error) as error:
        raise ConfigError(_line(error)) from None


def _check_networks(spec: TaskSpec, run: RunConfig) -> None:
    """Refuse networks that do not fit into the memory of this machine."""
    settings = run.agent.networks
    inputs = settings.frame_history * (spec.observation_dim + spec.goal_dim)
    units = settings.memory or 0
    seen = inputs + units + spec.goal_dim
    widths = [seen + 2 * spec.action_dim, *settings.critic_hidden, spec.reward_dim]
    critic = settings.critics * sum(a * b for a, b in pairwise(widths))
    actor = sum(a * b for a, b in pairwise([seen, *settings.actor_hidden, 2 * spec.action_dim]))
    copies = 4 + len(run.brains)  # online, gradient, two moments; a target for each brain
    needed = 4 * copies * (critic + actor + 3 * units * (inputs + units))
    there = _memory()
    if needed > there:
        raise ConfigError(
            f"agent.networks with actor_hidden = {list(settings.actor_hidden)}, critic_hidden = "
            f"{list(settings.critic_hidden)}, critics = {settings.critics}: needs about "
            f"{needed:,} bytes, this machine has {there:,}"
        )


def _check_replay(agent: Agent, train_config: TrainConfig) -> None:
    """Refuse a replay that does not fit its environments or the memory."""
    settings = agent.config
    needed = train_config.num_envs * settings.max_steps
    if settings.replay_size < needed:
        raise ConfigError(
            f"agent.replay_size = {settings.replay_size}: allowed is at least num_envs * "
            f"agent.max_steps = {needed}, one full segment of every environment"
        )
    try:
        SegmentTable(
            agent.spec,
            capacity=settings.replay_size,
            max_steps=settings.max_steps,
            num_envs=train_config.num_envs,
            device=agent.device,
            dtype=agent.dtype,
        )
    except ConfigError as error:
        raise ConfigError(f"agent.replay_size = {settings.replay_size}: {error}") from None


def _check_pools(agent: Agent) -> None:
    """Refuse pools that do not fit into the memory of this machine; none is made yet."""
    spec = agent.spec
    width = 2 * (spec.observation_dim + spec.goal_dim) + 3 * spec.action_dim + spec.reward_dim + 8
    there = _memory()
    for brain in agent.brains:
        size = brain.description.optim_pool_size
        if size == "rollout":
            continue
        needed = size * width * agent.dtype.itemsize
        if needed > there:
            raise ConfigError(
                f"brains.{brain.name}.optim_pool_size = {size}: needs about {needed:,} bytes, "
                f"this machine has {there:,}"
            )


def _memory() -> int:
    """Return the bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _check_device(device: str) -> None:
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"agent.device = {device!r} cannot be used: torch finds no CUDA device here; allowed "
            "is cpu, or auto"
        )
    try:
        torch.Generator(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"agent.device = {device!r} cannot be used: {_line(error)}") from None


def _line(error: BaseException) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split())
