"""Rollout workers: environments stepped by Ray actors, for one brain."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bnpo import seeding
from bnpo.agent import Agent
from bnpo.agent.policy import Policy
from bnpo.cluster.acting import ActingWorker
from bnpo.cluster.sending import as_arrays, policy_copy, policy_tensors, require_cores
from bnpo.errors import RunError
from bnpo.types import TaskSpec
from bnpo.types.step import Decision, Observation, Step

__all__ = ["RemoteRollouts", "RolloutWorker"]


class RolloutWorker(ActingWorker):
    """Steps some of the environments under a copy of the policy, normalisation included."""

    def __init__(self, spec: TaskSpec, policy: Policy, noise: Tensor, **where: Any) -> None:
        """Make the environments and reset them.

        Args:
            spec: the task
            policy: copy of its own
            noise: state of the generator that actions are drawn with
            where: the worker's environments, as :class:`ActingWorker` takes them

        """
        generator = torch.Generator()
        generator.set_state(noise.clone())
        super().__init__(spec, policy, generator, **where)
        self.version = 0

    def observation(self) -> Any:
        """Return the present observations as arrays."""
        return as_arrays(self.rollout.observation)

    def step(self, key: int, weights: Sequence[Any], env_steps: int, lag: int) -> Any:
        """Take one step of every environment; arrays, which travel faster, are in tensors' places.

        Args:
            key: version of the policy, whose weights are taken where it is another than before
            weights: reference to them
            env_steps: single-environment steps that all workers have taken
            lag: how many vector steps of learning the acting policy was behind

        """
        self.follow(key, weights)
        rollout = self.rollout
        rollout.env_steps = env_steps
        decision = self.policy.act(rollout.observation, env_steps, self.generator)
        return as_arrays(rollout.step(decision, lag))

    def get_state(self) -> dict[str, Any]:
        """State of the environments and of the noise."""
        noise = self.generator.get_state()
        return {
            "env": self.env.get_state(),
            "noise": noise,
            "shown": list(self.rollout.observation),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        state = copy.deepcopy(state)  # what Ray hands over cannot be written to
        self.env.set_state(state["env"])
        self.generator.set_state(torch.as_tensor(state["noise"]))
        self.rollout.observation = Observation(*map(torch.as_tensor, state["shown"]))


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
        require_cores(ray, workers, threads)
        self.agent = agent
        self.num_envs = num_envs
        self.env_steps = 0
        self._ray = ray
        self._key = 0
        self._sent: list[Tensor] = []
        self._weights: Any = None
        self._sizes = [len(part) for part in np.array_split(np.arange(num_envs), workers)]
        worker = ray.remote(num_cpus=threads)(RolloutWorker)
        first = np.cumsum([0, *self._sizes])
        self.workers = [
            worker.remote(
                agent.spec,
                policy_copy(agent.policy, int(first[index]), num_envs),
                self._noise(index),
                num_envs=size,
                first=int(first[index]),
                seed=seed + int(first[index]),
                threads=threads,
                settings=dict(settings),
            )
            for index, size in enumerate(self._sizes)
        ]
        self.observation = Observation(*self._joined(self._all("observation")))

    def _noise(self, index: int) -> Tensor:
        """State of a worker's generator: of the first the agent's own, as without workers."""
        if index == 0 and self.agent.device.type == "cpu":
            return self.agent.generator.get_state()
        return seeding.generator("cpu", self.agent.seed, seeding.REMOTE_WORKERS, index).get_state()

    def step(self, policy: Policy, lag: int) -> Step:
        """Take one step of every environment.

        Args:
            policy: what acts
            lag: how many vector steps of learning it is behind

        Raises:
            Diverged: a reward or an observation is not finite.
            RunError: a worker was lost.

        """
        self._send(policy)
        asked = (self._key, [self._weights], self.env_steps, lag)
        parts: list[Any] = self._all("step", [asked] * len(self.workers))
        self.env_steps += self.num_envs
        columns = dict(zip(Step._fields, zip(*parts, strict=True), strict=True))
        step = Step(
            decision=Decision(*self._joined(columns["decision"])),
            next_observation=Observation(*self._joined(columns["next_observation"])),
            reset_observation=Observation(*self._joined(columns["reset_observation"])),
            reward_low=min(columns["reward_low"]),
            reward_high=max(columns["reward_high"]),
            lag=lag,
            lost=self._sparse(columns["lost"], False),
            success=self._sparse(columns["success"], np.nan),
            score=self._sparse(columns["score"], np.nan),
            **{name: self._column(columns[name]) for name in ("reward", "terminated", "truncated")},
            info=None if parts[0].info is None else self._column(columns["info"]),
        )
        self.observation = step.reset_observation
        return step

    def _column(self, parts: Sequence[Any]) -> Tensor:
        """Arrays of all workers as one tensor on the agent's device."""
        return torch.from_numpy(np.concatenate(parts)).to(self.agent.device)

    def _sparse(self, parts: Sequence[Any], absent: float) -> Tensor | None:
        """A column that some workers may not have, with a value for theirs; None where none has."""
        there = [part for part in parts if part is not None]
        if not there:
            return None
        kind = there[0].dtype
        sized = zip(parts, self._sizes, strict=True)
        return self._column([np.full(n, absent, kind) if p is None else p for p, n in sized])

    def _joined(self, parts: Sequence[Any]) -> list[Any]:
        """Columns of all workers, one under the other."""
        columns = zip(*parts, strict=True)
        return [None if column[0] is None else self._column(column) for column in columns]

    def _send(self, policy: Policy) -> None:
        """Put the policy where all workers find it, if it is another than before."""
        tensors = policy_tensors(policy)
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
        if len(state) != len(self.workers):
            raise ValueError(f"its run had {len(state)} rollout workers, not {len(self.workers)}")
        self._all("set_state", [(one,) for one in state])

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers:
            self._ray.kill(worker)

    def _all(self, name: str, given: Sequence[tuple[Any, ...]] | None = None) -> list[Any]:
        """Call a method of every worker."""
        exceptions = self._ray.exceptions
        given = given or [()] * len(self.workers)
        asked = [
            getattr(worker, name).remote(*arguments)
            for worker, arguments in zip(self.workers, given, strict=True)
        ]
        try:
            answers: list[Any] = self._ray.get(asked)
        except exceptions.RayTaskError as error:
            raise error.cause from None
        except exceptions.RayError as error:
            reason = str(error).partition("\n")[0]
            raise RunError(f"a rollout worker was lost: {reason}") from None
        return answers
