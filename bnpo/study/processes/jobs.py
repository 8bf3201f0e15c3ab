"""Running jobs in processes of their own, several at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Protocol

from bnpo.envs.cores import CORES, available_cores
from bnpo.errors import ConfigError

__all__ = [
    "ONE_THREAD",
    "Process",
    "Processes",
    "Words",
    "checked_workers",
]

ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "LP_NUM_THREADS": "1",  # of OpenGL without a graphics card
    CORES: "1",
    "TQDM_MININTERVAL": "30",
}
"""Environment of a process that is one of several."""


def checked_workers(workers: object) -> int:
    """Return the number of processes, one for each core where none is given.

    Raises:
        ConfigError: it is no number of at least one.

    """
    if workers is None:
        return available_cores()
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise ConfigError(f"workers = {workers!r}: allowed is a whole number of at least 1")
    return workers


class Process(Protocol):
    """A process at work, here or elsewhere."""

    def lines(self) -> Iterator[str]:
        """Yield what it tells, line by line, until it has ended."""

    def terminate(self) -> None:
        """Ask it to end."""

    def wait(self) -> int:
        """Return its exit status when it has ended."""


Words = Sequence[str | Path]
"""What follows ``python``; paths are files of the study."""


class Processes:
    """Python processes, several at a time."""

    def __init__(self, workers: int, start: Callable[[str, Words, Path], Process]) -> None:
        """Run at most so many at a time.

        Args:
            workers: how many
            start: takes name, words and log of a process

        """
        self.workers = workers
        self._start = start
        self._running: set[Process] = set()
        self._guard = threading.Lock()
        self._stopped = False

    def run(self, commands: Mapping[str, Words], logs: Path) -> Iterator[tuple[str, int | None]]:
        """Run commands; yield the name and exit status of each as it ends.

        Args:
            commands: words after ``python``, by name
            logs: folder where the output of each goes, as NAME.log

        Yields:
            Name and exit status, None for one that was not started because of :meth:`stop`.

        """
        logs.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(self.workers) as pool:
            names = {
                pool.submit(self._run_one, name, words, logs / f"{name}.log"): name
                for name, words in commands.items()
            }
            try:
                for future in as_completed(names):
                    yield names[future], future.result()
            finally:
                self.stop()

    def stop(self) -> None:
        """Ask the running processes to end in good order, and start no more."""
        with self._guard:
            self._stopped = True
            for process in self._running:
                process.terminate()

    def _run_one(self, name: str, words: Words, log: Path) -> int | None:
        with self._guard:
            if self._stopped:
                return None
            process = self._start(name, words, log)
            self._running.add(process)
        try:
            return process.wait()
        finally:
            with self._guard:
                self._running.discard(process)
