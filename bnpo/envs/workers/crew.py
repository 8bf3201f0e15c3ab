"""The workers of a vector environment: started and asked together, replaced where they fail."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from bnpo.envs.registrations import own_registrations
from bnpo.envs.workers.care import WorkerCare
from bnpo.envs.workers.generators import construction_seed
from bnpo.envs.workers.handles import CallerChunk, Factory, WorkerProcess
from bnpo.envs.workers.restarts import Restarts
from bnpo.envs.workers.shared_arrays import Arrays, Layout, anonymous_file, map_arrays
from bnpo.errors import WorkerError

__all__ = ["Crew"]


class Crew:
    """Workers with a chunk of the environments each, and the memory that they share."""

    def __init__(
        self, factory: Factory, num_envs: int, mode: AutoresetMode, care: WorkerCare
    ) -> None:
        """Prepare to start workers.

        Args:
            factory: makes one environment
            num_envs: environments of all workers
            mode: what happens at the end of an episode
            care: what to do about workers that fail

        """
        self.care = care
        self.restarts = Restarts(care, num_envs)
        self.workers: Sequence[WorkerProcess | CallerChunk] = ()
        self.memory_descriptor = anonymous_file()
        self._factory = factory
        self._seed = construction_seed()
        self._registrations = own_registrations()
        self._mode = mode
        self._layout: Layout = {}
        self.arrays: Arrays = {}
        self._attributes: dict[str, Sequence[Any]] = {}

    def start(self, chunks: Sequence[range], *, in_caller: bool) -> list[Any]:
        """Start a worker for each chunk; return what they tell of their environments.

        Args:
            chunks: environments of each worker
            in_caller: the first chunk stays in the calling process

        Raises:
            WorkerError: one failed.
            ValueError: what makes the environments cannot be sent to another process.

        """
        try:
            for index, rows in enumerate(chunks):
                kind = CallerChunk if in_caller and index == 0 else WorkerProcess
                worker = kind(rows, self.memory_descriptor)
                self.workers = [*self.workers, worker]
                worker.begin(self._factory, self._mode, self._seed, self._registrations)
            return [worker.answer(self.care.longest_wait("begin")) for worker in self.workers]
        except BaseException:
            self.end()
            raise

    def share(self, layout: Layout) -> Arrays:
        """Return arrays in memory that all workers share."""
        self._layout = layout
        self.arrays, self._memory = map_arrays(self.memory_descriptor, layout)
        for worker in self.workers:
            self._connect(worker)
        return self.arrays

    def _connect(self, worker: WorkerProcess | CallerChunk) -> None:
        """Have a worker map the shared arrays."""
        worker.ask("share", (self._layout,), self.care.longest_wait("share"))
        worker.progress = self.arrays["progress"][worker.slice]

    def request(self, method: str, arguments: list[tuple[Any, ...]]) -> list[Any]:
        """Ask every worker and return the answers in the workers' order.

        Raises:
            WorkerError: one failed and cannot be replaced, which ends them all.

        """
        if not self.workers:
            raise WorkerError("the process pool is closed")
        try:
            for worker, own in zip(self.workers, arguments, strict=True):
                worker.send((method, own))
            return [self._answer(index, method, own) for index, own in enumerate(arguments)]
        except BaseException:
            self.end()
            raise

    def request_all(self, method: str, *arguments: Any) -> list[Any]:
        """Ask every worker the same."""
        return self.request(method, [arguments] * len(self.workers))

    def rehearse(self) -> str | None:
        """Return why the state that environments tell is not all of it; None where it is.

        In a process of its own, which it may take down.
        """
        worker = WorkerProcess(range(1), self.memory_descriptor)
        try:
            worker.begin(self._factory, self._mode, self._seed, self._registrations)
            worker.answer(self.care.longest_wait("begin"))
            fault: str | None = worker.ask("rehearse", (), self.care.timeout)
        except WorkerError as error:
            return f"a rehearsal of it failed: {error.headline}"
        else:
            return fault
        finally:
            worker.end(patience=0.0)

    def set_attr(self, name: str, values: Sequence[Any]) -> None:
        """Set an attribute of every environment [N], also of those that take their place."""
        self._attributes[name] = values
        self.request("set_attr", [(name, list(values[w.slice])) for w in self.workers])

    def _answer(self, index: int, method: str, arguments: tuple[Any, ...]) -> Any:
        """Wait for the answer of a worker, or of those that take its place."""
        try:
            return self.workers[index].answer(self.care.longest_wait(method))
        except WorkerError as error:
            failure = error
        while True:
            self.restarts.allow(failure)
            try:
                return self._replace(index, method, arguments)
            except WorkerError as error:
                failure = error

    def _replace(self, index: int, method: str, arguments: tuple[Any, ...]) -> Any:
        """Start a process with fresh episodes in the place of a failed one, and ask it."""
        workers, rows = list(self.workers), self.workers[index].rows
        workers[index].end(patience=0.0)
        successor = WorkerProcess(rows, self.memory_descriptor)
        workers[index] = successor
        self.workers = workers
        successor.begin(self._factory, self._mode, self._seed, self._registrations)
        successor.answer(self.care.longest_wait("begin"))
        self._connect(successor)
        for name, values in self._attributes.items():
            successor.ask(
                "set_attr", (name, values[successor.slice]), self.care.longest_wait("set_attr")
            )
        mask = np.ones(len(rows), np.bool_)
        fresh = (self.restarts.fresh_seeds(rows), mask, None)
        infos = successor.ask("reset", fresh, self.care.longest_wait("reset"))
        self.restarts.lost[successor.slice] = True
        if method == "step":
            for name in ("rewards", "terminations", "truncations"):
                self.arrays[name][successor.slice] = 0
            return infos
        return successor.ask(method, arguments, self.care.longest_wait(method))

    def end(self) -> None:
        """End the workers and give back their memory; repeating it changes nothing."""
        for worker in self.workers:
            worker.end()
        self.workers = ()
        if self.memory_descriptor >= 0:
            os.close(self.memory_descriptor)
            self.memory_descriptor = -1
