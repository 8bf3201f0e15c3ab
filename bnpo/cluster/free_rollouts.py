"""Rollout workers that wait for nobody: each sends its segments when they are finished."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

import numpy as np

from bnpo import seeding
from bnpo.agent import Agent
from bnpo.agent.policy import Policy
from bnpo.cluster.segment_worker import Delivery, SegmentWorker
from bnpo.cluster.sending import policy_copy, policy_tensors, require_cores
from bnpo.envs.workers.care import WorkerCare
from bnpo.envs.workers.restarts import Restarts
from bnpo.errors import RunError, WorkerError

__all__ = ["FreeRollouts"]

ORDERS = 2
"""Orders that a worker has at a time: the one that it is at, and the next, so that it never waits
for the way there and back."""

_PATIENCE = 0.05
"""Seconds between two looks of the thread at what else there is to do."""


class FreeRollouts:
    """Environments that are shared out among Ray actors, each of which goes its own pace.

    A thread gives every worker its orders with the newest policy there is and takes what it has
    finished, whatever the learner and the other workers are at. A worker that dies is replaced by
    one with fresh episodes; the segments that it had open are lost, finished ones are not. Orders
    stop where a whole rollout already waits for the learner.
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
        care: WorkerCare,
        max_staleness: int,
    ) -> None:
        """Start the workers, which reset their environments, and the thread.

        Args:
            agent: whose policy acts
            ray: joined to the cluster
            seed: of the run's environments
            num_envs: environments of all workers
            workers: actors
            threads: of each
            settings: arguments of the environments
            care: how many workers may be replaced
            max_staleness: versions by which the policy of a segment's first step may be behind

        Raises:
            ConfigError: the cluster has too few cores.
            RunError: a worker cannot be started.

        """
        require_cores(ray, workers, threads)
        self.agent = agent
        self.num_envs = num_envs
        self.replaced = 0
        """Workers that were lost and replaced"""
        self.restarts = Restarts(dataclasses.replace(care, on_failure="restart"), num_envs)
        """How many more may be, and why they were"""
        self.steps_of = np.zeros(workers, np.int64)
        """[W], environment steps that each of the workers has told of"""
        self._ray = ray
        self._seed = seed
        self._settings = {"threads": threads, "settings": dict(settings)}
        self._lag = max(max_staleness // 2, 1)
        rhythm = min(brain.description.learning_delay for brain in agent.brains)
        self._room = num_envs * max(rhythm, agent.config.max_steps)
        parts = np.array_split(np.arange(num_envs), workers)
        self._parts = [(int(part[0]), len(part)) for part in parts]
        self._actor = ray.remote(num_cpus=threads, max_restarts=0)(SegmentWorker)
        self._version, self._tensors = 0, [t.clone() for t in policy_tensors(agent.policy)]
        self._put: tuple[int, Any] = (-1, None)
        self.workers = [self._start(index) for index in range(workers)]
        self._await_start()
        self._arrived: SimpleQueue[Delivery | Exception] = SimpleQueue()
        self._guard = Lock()
        self._waiting = 0  # transitions that the learner has not taken yet
        self._closed = Event()
        self._thread = Thread(target=self._serve, name="bnpo orders", daemon=True)
        self._thread.start()

    def _start(self, index: int) -> Any:
        """Start a worker; one that replaces another has episodes of its own."""
        first, count = self._parts[index]
        (seed,) = seeding.derived(self._seed, index, self.replaced)
        policy = policy_copy(self.agent.policy, first, self.num_envs)
        policy.version = -1  # it takes the first weights that it is sent
        return self._actor.remote(
            self.agent.spec, policy, num_envs=count, first=first, seed=seed, **self._settings
        )

    def _await_start(self) -> None:
        exceptions = self._ray.exceptions
        try:
            self._ray.get([worker.ready.remote() for worker in self.workers])
        except exceptions.RayError as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise RunError(f"a rollout worker cannot be started: {reason}") from None

    def publish(self, policy: Policy, version: int) -> None:
        """Let every order from now on be acted by a policy, which is copied."""
        tensors = [tensor.detach().cpu().clone() for tensor in policy_tensors(policy)]
        with self._guard:
            self._version, self._tensors = version, tensors

    def next(self) -> Delivery:
        """Wait for the next segments.

        Raises:
            Diverged: a reward or an observation is not finite.
            WorkerError: more workers were lost than may be replaced.

        """
        delivery = self._arrived.get()
        if isinstance(delivery, Exception):
            self._arrived.put(delivery)  # for whoever asks again
            raise delivery
        with self._guard:
            self._waiting -= delivery.transitions
        return delivery

    def arrived_all(self) -> bool:
        """Whether nothing that has come still waits to be taken."""
        return self._arrived.empty()

    def close(self) -> None:
        """End the thread and the workers."""
        self._closed.set()
        self._thread.join()
        for worker in self.workers:
            self._ray.kill(worker)

    def _serve(self) -> None:
        """Give orders and take what comes, until a worker fails for good."""
        orders: dict[Any, tuple[int, Any]] = {}  # index and actor by what will be answered
        try:
            while not self._closed.is_set():
                self._order(orders)
                if not orders:
                    self._closed.wait(_PATIENCE)
                    continue
                done, _ = self._ray.wait(list(orders), num_returns=1, timeout=_PATIENCE)
                for answer in done:
                    self._take(answer, *orders.pop(answer))
        except Exception as error:
            self._arrived.put(error)

    def _order(self, orders: dict[Any, tuple[int, Any]]) -> None:
        """Give orders to workers that have fewer than they may have, where there is room."""
        with self._guard:
            waiting, version, tensors = self._waiting, self._version, self._tensors
        if waiting >= self._room:
            return
        allowed = 1 if waiting else ORDERS
        given = Counter(index for index, actor in orders.values() if actor is self.workers[index])
        for index, worker in enumerate(self.workers):
            for _ in range(allowed - given[index]):
                if self._put[0] != version:
                    self._put = version, self._ray.put(tensors)
                sent = version, [self._put[1]], self.agent.env_steps
                orders[worker.run.remote(*sent, lag=self._lag)] = index, worker

    def _take(self, answer: Any, index: int, actor: Any) -> None:
        """Pass on what a worker has sent; replace the worker where it is lost."""
        exceptions = self._ray.exceptions
        try:
            delivery: Delivery = self._ray.get(answer)
        except exceptions.RayTaskError as error:
            raise error.cause from None
        except exceptions.RayError as error:
            if actor is self.workers[index]:  # else the order of one that was replaced
                self._replace(index, str(error).partition("\n")[0])
            return
        self.steps_of[index] += delivery.steps
        if delivery.transitions:
            with self._guard:
                self._waiting += delivery.transitions
            self._arrived.put(delivery)

    def _replace(self, index: int, reason: str) -> None:
        """Start a worker in a lost one's place, unless it is one too many."""
        self.restarts.allow(WorkerError(f"rollout worker {index} was lost: {reason}"))
        self.replaced += 1
        self.workers[index] = self._start(index)
