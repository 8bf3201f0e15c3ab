"""Running jobs in processes of their own, several at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from bnpo.config import ConfigError

__all__ = ["Processes", "available_cores", "checked_workers", "one_thread"]

_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_workers(workers: object) -> int:
    """Return the number of processes, one for each core where none is given.

    Raises:
        ConfigError: it is no number of at least one.

    """
    if workers is None:
        return available_cores()
    if not isinstance(workers, int) or workers < 1:
        raise ConfigError(f"workers = {workers!r}: allowed is a whole number of at least 1")
    return workers


def one_thread() -> dict[str, str]:
    """Return the environment of a process that is one of several."""
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "TQDM_MININTERVAL": "30"}


class Processes:
    """Python processes of one thread each, which end when the process that started them does."""

    def __init__(self, workers: int, keep: Sequence[int] = ()) -> None:
        """Run at most so many at a time, each with these files of this process open."""
        self.workers = workers
        self.keep = tuple(keep)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._stopped = False

    def run(
        self, commands: Mapping[str, Sequence[str]], logs: Path
    ) -> Iterator[tuple[str, int | None]]:
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
                pool.submit(self._run_one, words, logs / f"{name}.log"): name
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

    def _run_one(self, words: Sequence[str], log: Path) -> int | None:
        with log.open("wb") as output:
            with self._guard:
                if self._stopped:
                    return None
                process = subprocess.Popen(
                    [sys.executable, *words],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=one_thread(),
                    pass_fds=self.keep,
                    start_new_session=True,
                )
                self._running.add(process)
            try:
                return process.wait()
            finally:
                assert process.stdin is not None
                process.stdin.close()
                with self._guard:
                    self._running.discard(process)
