"""Rollout workers: environments stepped by Ray actors, for one learner."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_map_only

from bnpo.config import ConfigError
from bnpo.envs import as_goal_observation, make_vector_env, true_next_observation
from bnpo.policy import Decision, Policy
from bnpo.runs import RunError
from bnpo.types import TaskSpec

if TYPE_CHECKING:
    from bnpo.agent import Agent

__all__ = ["RemoteRollouts", "RolloutWorker", "Taken"]

_NOISE_STREAM = 3_000


class Taken(NamedTuple):
    """One step of every environment, in the order of environments."""

    decision: Decision
    """What was done, and the distribution that it was drawn from"""

    shown: Any
    """What the environments show now"""

    last: Any
    """The true next observations; None where no episode ended"""

    reward: NDArray[Any]
    """[N] or [N, R]"""

    terminated: NDArray[np.bool_]
    """[N]"""

    truncated: NDArray[np.bool_]
    """[N]"""

    restarted: NDArray[np.bool_] | None
    """[N], environments of processes that were restarted; None: none"""


class RolloutWorker:
    """Steps some of the environments under a copy of the policy, normalisation included."""

    def __init__(
        self,
        spec: TaskSpec,
        policy: Policy,
        noise: Tensor,
        *,
        num_envs: int,
        seed: int,
        threads: int,
        settings: Mapping[str, Any],
    ) -> None:
        """Make the environments and reset them.

        Args:
            spec: the task
            policy: copy of its own
            noise: state of the generator that actions are drawn with
            num_envs: environments in this worker
            seed: of the first of them
            threads: of torch and of the simulator
            settings: arguments of the environments

        """
        torch.set_num_threads(threads)
        self.policy = policy
        self._key = 0
        self.generator = torch.Generator()
        self.generator.set_state(noise.clone())
        cores = {"threads": threads, "workers": threads}
        self.env = make_vector_env(spec.env_id, num_envs, **cores, **settings)
        self._shown = as_goal_observation(self.env.reset(seed=seed)[0])

    def shown(self) -> Any:
        """Return what the environments show."""
        return self._shown

    def step(self, key: int, weights: Sequence[Any], env_steps: int) -> Taken:
        """Take one step of every environment; arrays, which travel faster, are in tensors' places.

        Args:
            key: version of the policy, whose weights are taken where it is another than before
            weights: reference to them
            env_steps: single-environment steps that all workers have taken

        """
        if key != self._key:
            import ray

            for mine, theirs in zip(_tensors(self.policy), ray.get(weights[0]), strict=True):
                mine.copy_(theirs)
            self._key = key
        shown = self.policy.tensors(self._shown)
        decision = self.policy.act(shown, env_steps, self.generator)
        action = self.policy.actor.clip(decision.action).numpy()
        after, reward, terminated, truncated, infos = self.env.step(action)
        ended = bool((terminated | truncated).any())
        self._shown = as_goal_observation(after)
        return Taken(
            tree_map_only(Tensor, Tensor.numpy, decision),
            self._shown,
            true_next_observation(after, infos) if ended else None,
            reward,
            terminated,
            truncated,
            infos.get("restarted"),
        )

    def get_state(self) -> dict[str, Any]:
        """State of the environments and of the noise."""
        noise = self.generator.get_state()
        return {"env": self.env.get_state(), "noise": noise, "shown": self._shown}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        state = copy.deepcopy(state)  # what Ray hands over cannot be written to
        self.env.set_state(state["env"])
        self.generator.set_state(torch.as_tensor(state["noise"]))
        self._shown = state["shown"]


class RemoteRollouts:
    """Environments that are shared out among Ray actors, each with a copy of the policy.

    Environment i is seeded as without workers. Every step is acted by the policy of the moment,
    normalisation included, and its worker records the distribution that it drew from.
    """

    def __init__(
        self,
        agent: Agent,
        ray: Any,
        seed: int,
        *,
        num_envs: int,
        workers: int,
        threads: int,
        settings: Mapping[str, Any],
    ) -> None:
        """Start the workers, which reset their environments.

        Args:
            agent: whose policy acts
            ray: joined to the cluster
            seed: of the first environment
            num_envs: environments of all workers
            workers: actors
            threads: of each
            settings: arguments of the environments

        Raises:
            ConfigError: the cluster has too few cores.

        """
        cores = int(ray.cluster_resources().get("CPU", 0))
        if cores < workers * threads:
            raise ConfigError(
                f"rollout_workers = {workers} with threads = {threads}: the Ray cluster has "
                f"{cores} cores"
            )
        self.agent = agent
        self.num_envs = num_envs
        self._ray = ray
        self._key = 0
        self._sent: list[Tensor] = []
        self._weights: Any = None
        self._sizes = [len(part) for part in np.array_split(np.arange(num_envs), workers)]
        worker = ray.remote(num_cpus=threads)(RolloutWorker)
        first = np.cumsum([0, *self._sizes])
        self._workers = [
            worker.remote(
                agent.spec,
                _copy_of(agent.policy, int(first[index])),
                self._noise(index),
                num_envs=size,
                seed=seed + int(first[index]),
                threads=threads,
                settings=dict(settings),
            )
            for index, size in enumerate(self._sizes)
        ]

    def _noise(self, index: int) -> Tensor:
        """State of a worker's generator: of the first the agent's own, as without workers."""
        if index == 0 and self.agent.device.type == "cpu":
            return self.agent.generator.get_state()
        sequence = np.random.SeedSequence([self.agent.seed, _NOISE_STREAM, index])
        state = int(sequence.generate_state(1, np.uint64)[0] >> 1)
        return torch.Generator().manual_seed(state).get_state()

    def shown(self) -> Any:
        """Return what the environments show."""
        return _joined(self._all("shown"))

    def step(self, policy: Policy, env_steps: int) -> Taken:
        """Take one step of every environment.

        Args:
            policy: what acts
            env_steps: single-environment steps taken so far

        Raises:
            RunError: a worker was lost.

        """
        self._send(policy)
        parts = self._all("step", [(self._key, [self._weights], env_steps)] * len(self._workers))
        device = self.agent.device
        decision = [np.concatenate(part) for part in zip(*(p.decision for p in parts), strict=True)]
        ended = any(part.last is not None for part in parts)
        lost = [np.zeros(n, bool) for n in self._sizes]
        restarted = [
            one if p.restarted is None else p.restarted for p, one in zip(parts, lost, strict=True)
        ]
        return Taken(
            Decision(*(torch.from_numpy(column).to(device) for column in decision)),
            _joined([p.shown for p in parts]),
            _joined([p.shown if p.last is None else p.last for p in parts]) if ended else None,
            np.concatenate([p.reward for p in parts]),
            np.concatenate([p.terminated for p in parts]),
            np.concatenate([p.truncated for p in parts]),
            np.concatenate(restarted) if any(p.restarted is not None for p in parts) else None,
        )

    def _send(self, policy: Policy) -> None:
        """Put the policy where all workers find it, if it is another than before."""
        tensors = _tensors(policy)
        if self._sent and all(map(torch.equal, tensors, self._sent)):
            return
        self._sent = [tensor.detach().clone() for tensor in tensors]
        self._weights = self._ray.put([tensor.cpu() for tensor in self._sent])
        self._key += 1

    def get_state(self) -> list[dict[str, Any]]:
        """States of the workers."""
        return copy.deepcopy(self._all("get_state"))  # what Ray hands over cannot be written to

    def set_state(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from states of as many workers."""
        if len(state) != len(self._workers):
            raise ValueError(f"its run had {len(state)} rollout workers, not {len(self._workers)}")
        self._all("set_state", [(one,) for one in state])

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            self._ray.kill(worker)

    def _all(self, name: str, given: Sequence[tuple[Any, ...]] | None = None) -> list[Any]:
        """Call a method of every worker."""
        exceptions = self._ray.exceptions
        given = given or [()] * len(self._workers)
        asked = [
            getattr(worker, name).remote(*arguments)
            for worker, arguments in zip(self._workers, given, strict=True)
        ]
        try:
            answers: list[Any] = self._ray.get(asked)
        except exceptions.RayTaskError as error:
            raise error.cause from None
        except exceptions.RayError as error:
            reason = str(error).partition("\n")[0]
            raise RunError(f"a rollout worker was lost: {reason}") from None
        return answers


def _joined(parts: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Observations of all workers, one under the other."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _tensors(policy: Policy) -> list[Tensor]:
    """All numbers that decide how a policy acts."""
    return [*policy.encoder.state_dict().values(), *policy.actor.state_dict().values()]


def _copy_of(policy: Policy, first: int) -> Policy:
    """Return a policy's copy for the environments from the given one on."""
    made = policy.snapshot(version=policy.version)
    ladder = policy.config.exploration
    turned = [ladder[(first + index) % len(ladder)] for index in range(len(ladder))]
    config = dataclasses.replace(policy.config, device="cpu", exploration=tuple(turned))
    return Policy(made.encoder.cpu(), made.actor.cpu(), config, version=made.version)
