"""What travels between a learner and its rollout workers: a policy's copies, arrays for tensors."""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_map_only

from bnpo.agent.policy import Policy
from bnpo.errors import ConfigError

__all__ = ["as_arrays", "policy_copy", "policy_tensors", "require_cores"]


def as_arrays(value: Any) -> Any:
    """Return nested tensors as arrays, which travel faster."""
    return tree_map_only(Tensor, Tensor.numpy, value)


def policy_tensors(policy: Policy) -> list[Tensor]:
    """All numbers that decide how a policy acts."""
    return [*policy.encoder.state_dict().values(), *policy.actor.state_dict().values()]


def policy_copy(policy: Policy, first: int, num_envs: int) -> Policy:
    """Return a policy's copy for the environments from the given one on, of so many."""
    copy = policy.snapshot(version=policy.version)
    config = dataclasses.replace(policy.config, device="cpu")
    encoder, actor = copy.encoder.cpu(), copy.actor.cpu()
    return Policy(encoder, actor, config, version=copy.version, first=first, of=num_envs)


def require_cores(ray: Any, workers: int, threads: int) -> None:
    """Refuse more rollout workers than a cluster has cores for.

    Raises:
        ConfigError: the cluster has too few cores.

    """
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < workers * threads:
        raise ConfigError(
            f"rollout_workers = {workers} with threads = {threads}: the Ray cluster has "
            f"{cores} cores"
        )
