"""A process on some node of a cluster: what subprocess.Popen is on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from bnpo.cluster.node import Work, work
from bnpo.cluster.parcel import Parcel, pack, unpack
from bnpo.config import RunConfig
from bnpo.errors import RunError
from bnpo.runs.summary import versions

__all__ = ["TaskProcess", "resources"]

RETRIES = 5
"""Number of times that a process is started again whose node was lost."""

STOPPED = -15
"""Exit status of a process that was told to end."""


class Resources(TypedDict):
    """Cores and accelerators that a process takes of a node."""

    cpus: int
    gpus: int


def resources(run: RunConfig) -> Resources:
    """Return the cores and accelerators that a run of this configuration takes."""
    return {"cpus": run.train.threads, "gpus": int(run.agent.device.startswith("cuda"))}


class TaskProcess:
    """A Python process as a Ray task, whose files appear in a folder of this machine.

    Paths among its words, which lie in the folder, are sent along. What the process writes comes
    back while it is at work, a checkpoint only when it is whole, so that no file system needs to be
    shared. Where its node is lost it is started again on another one with what came back.
    """

    def __init__(
        self,
        ray: Any,
        words: Sequence[str | Path],
        folder: Path,
        *,
        log: Path,
        output: Path | None = None,
        environ: Mapping[str, str] | None = None,
        cpus: int = 1,
        gpus: int = 0,
    ) -> None:
        """Queue the process on the cluster.

        Args:
            ray: joined to the cluster
            words: after ``python``
            folder: in which all files lie
            log: where its output goes
            output: where its standard output goes instead
            environ: changes of its environment
            cpus: cores that it takes
            gpus: accelerators that it takes

        """
        self._ray = ray
        self._folder = folder
        self._paths = [word for word in words if isinstance(word, Path)]
        self._log = log
        self._output = output
        self._task = Work(
            words=[self._there(w) if isinstance(w, Path) else w for w in words],
            environ=dict(environ or {}),
            log=self._there(log),
            output=None if output is None else self._there(output),
            versions=versions(),
        )
        remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(work)
        self._remote = remote.options(name=log.stem)
        self._guard = threading.Lock()
        self._told_to_end = False
        self._status: int | None = None
        log.unlink(missing_ok=True)
        self._submit()

    def _there(self, path: Path) -> str:
        return str(path.relative_to(self._folder))

    def _submit(self) -> None:
        """Start the process, with the files of the one before."""
        if self._output is not None:  # told anew
            self._output.unlink(missing_ok=True)
        sent = [path for path in (*self._paths, self._log) if path.exists()]
        with self._guard:
            if not self._told_to_end:
                self._parcels = self._remote.remote(self._task, pack(self._folder, sent))

    def terminate(self) -> None:
        """End the process; what it has written since its last checkpoint is lost."""
        with self._guard:
            if not self._told_to_end:
                self._told_to_end = True
                self._ray.cancel(self._parcels)

    def lines(self) -> Iterator[str]:
        """Yield the process's standard output line by line, without that of one before it."""
        assert self._output is not None
        yielded = 0
        for _ in self.follow():
            whole, end, _ = self._output.read_text("utf-8").rpartition("\n")
            lines = whole.split("\n") if end else []
            yield from lines[yielded:]
            yielded = max(yielded, len(lines))

    def wait(self) -> int:
        """Return its exit status when it has ended and all of its files are here."""
        for _ in self.follow():
            pass
        return STOPPED if self._status is None else self._status

    def follow(self) -> Iterator[Parcel]:
        """Yield each parcel that comes back, written into the folder, until the process has ended.

        Raises:
            RunError: it cannot run on the nodes, or too many of them were lost.

        """
        exceptions = self._ray.exceptions
        if self._status is not None:
            return
        for lost in range(RETRIES + 1):
            try:
                for reference in self._parcels:
                    parcel: Parcel = self._ray.get(reference)
                    self._take(parcel)
                    self._status = parcel.status
                    yield parcel
                return
            except exceptions.TaskCancelledError:
                return
            except exceptions.RayTaskError as error:
                raise RunError(f"{self._log.stem}: {error.cause}") from None
            except exceptions.RayError as error:
                if self._told_to_end:
                    return
                reason = str(error).partition("\n")[0]
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(f"\nbnpo: lost with its node ({lost + 1}): {reason}\n")
                last = error
                self._submit()
        raise RunError(f"{self._log.stem}: lost {RETRIES + 1} times: {last}")

    def _take(self, parcel: Parcel) -> None:
        """Make the folder what the process has left, as far as the process writes there."""
        unpack(self._folder, parcel.files)
        for place in self._paths:
            if not place.is_dir():
                continue
            for path in place.rglob("*"):
                if path.is_file() and self._there(path) not in parcel.names:
                    path.unlink()
