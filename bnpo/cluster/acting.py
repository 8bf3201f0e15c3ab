"""What acts in a rollout worker: environments, and a copy of the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from bnpo.agent.policy import Policy
from bnpo.cluster.sending import policy_tensors
from bnpo.envs import make_vector_env
from bnpo.envs.rollout import Rollout
from bnpo.types import TaskSpec

__all__ = ["ActingWorker"]


class ActingWorker:
    """Acts in some of the environments under a copy of the policy, normalisation included."""

    def __init__(
        self,
        spec: TaskSpec,
        policy: Policy,
        generator: torch.Generator,
        *,
        num_envs: int,
        first: int,
        seed: int,
        threads: int,
        settings: Mapping[str, Any],
    ) -> None:
        """Make the environments and reset them.

        Args:
            spec: the task
            policy: copy of its own
            generator: actions are drawn with
            num_envs: environments in this worker
            first: number of the first of them
            seed: of the environments
            threads: of torch and of the simulator
            settings: arguments of the environments

        """
        torch.set_num_threads(threads)
        self.policy, self.generator = policy, generator
        self.version = policy.version
        cores = {"threads": threads, "workers": threads}
        self.env = make_vector_env(spec.env_id, num_envs, **cores, **settings)
        shown = self.env.reset(seed=seed)[0]
        self.rollout = Rollout(self.env, policy, shown, first=first, info=spec.info)

    def follow(self, version: int, weights: Sequence[Any]) -> None:
        """Act with a version of the policy from now on.

        Args:
            version: whose weights are taken where it is another than before
            weights: reference to them

        """
        if version == self.version:
            return
        import ray

        for mine, theirs in zip(policy_tensors(self.policy), ray.get(weights[0]), strict=True):
            mine.copy_(theirs)
        self.version = version
