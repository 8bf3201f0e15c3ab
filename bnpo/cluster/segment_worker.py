"""A rollout worker that goes its own pace: it steps environments and sends finished segments."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bnpo import seeding
from bnpo.agent.policy import Policy
from bnpo.cluster.acting import ActingWorker
from bnpo.cluster.sending import as_arrays
from bnpo.envs.episodes import EpisodeCounter
from bnpo.replay import SegmentTable
from bnpo.types import TaskSpec
from bnpo.types.stream import Episodes

__all__ = ["Delivery", "SegmentWorker"]

ANSWER_S = 0.2
"""Seconds after which a worker answers even if no segment is finished, and takes a newer policy."""


class Delivery(NamedTuple):
    """Segments that a worker has finished since its last answer."""

    columns: dict[str, NDArray[Any]]
    """Columns of :class:`bnpo.types.Trajectories`, of K segments"""

    version: NDArray[np.int64]
    """[K], version of the policy that took the first step of each"""

    on_policy: NDArray[np.bool_]
    """[K], whether every step of a segment was acted by the policy itself"""

    steps: int
    """Environment steps that were taken since the last answer, of open segments too"""

    reward_low: float
    """Least reward among them"""

    reward_high: float
    """Largest reward among them"""

    episodes: Episodes | None
    """Episodes that ended with one of the segments, those begun under older policies included"""

    @property
    def transitions(self) -> int:
        """Transitions of all of its segments."""
        return int(self.columns["length"].sum())


class SegmentWorker(ActingWorker):
    """Steps some of the environments under a copy of the policy, and collects their segments."""

    def __init__(self, spec: TaskSpec, policy: Policy, *, seed: int, **where: Any) -> None:
        """Make the environments and reset them.

        Args:
            spec: the task
            policy: copy of its own
            seed: of the environments and of the noise
            where: the worker's environments, as :class:`ActingWorker` takes them

        """
        generator = seeding.generator("cpu", seed, seeding.REMOTE_WORKERS)
        super().__init__(spec, policy, generator, seed=seed, **where)
        num_envs = self.rollout.num_envs
        longest = policy.config.max_steps
        self.table = SegmentTable(
            spec,
            capacity=num_envs * longest,
            max_steps=longest,
            num_envs=num_envs,
            dtype=getattr(torch, policy.config.dtype),
        )
        self.table.begin(self.rollout.observation)
        self.episodes = EpisodeCounter(num_envs)

    def ready(self) -> bool:
        """Answer that the environments are made."""
        return True

    def run(self, version: int, weights: Sequence[Any], env_steps: int, *, lag: int) -> Delivery:
        """Step all environments until a segment is finished, but not for long.

        Args:
            version: of the newest policy, whose weights are taken where it is another than before
            weights: reference to them
            env_steps: single-environment steps that the learner has counted
            lag: versions by which the first step of an open segment may be behind; what is older is
                closed, and goes on in another segment

        """
        self.follow(version, weights)
        rollout, table = self.rollout, self.table
        rollout.env_steps = env_steps
        low, high, steps, episodes = np.inf, -np.inf, 0, None
        until = time.perf_counter() + ANSWER_S
        rows = torch.zeros(0, dtype=torch.int64)
        while not len(rows) and (not steps or time.perf_counter() < until):
            decision = self.policy.act(rollout.observation, env_steps, self.generator)
            step = rollout.step(decision)
            rows = table.append(step, version=version, oldest=version - lag)
            episodes = self.episodes.note(step)  # with an episode its segment ends, and this loop
            low, high = min(low, step.reward_low), max(high, step.reward_high)
            steps += 1
        finished = table.trajectories[rows]
        return Delivery(
            columns=as_arrays(dict(finished.columns())),
            version=table.version[rows].numpy(),
            on_policy=table.on_policy[rows].numpy(),
            steps=steps * table.num_envs,
            reward_low=low,
            reward_high=high,
            episodes=episodes,
        )
