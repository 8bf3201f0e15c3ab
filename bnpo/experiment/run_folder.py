"""A run's folder as sacred's file observer, made to last.

Differs from sacred's observer: files are written whole or not at all, keys keep their order (the
order of brains is the order of their turns), a run can go on in the folder it already has, no other
process works on it meanwhile, and no template that lies beside the runs is rendered: it is a
program.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sacred.observers import FileStorageObserver
from sacred.serializer import flatten

from bnpo.errors import RunError
from bnpo.files import read_json, write_json
from bnpo.runs.folder import FolderLock, refuse_links
from bnpo.types.history import History, Record

__all__ = ["RunFolder", "measurements"]


class RunFolder(FileStorageObserver):
    """Keeps config.json, run.json, metrics.json, cout.txt and the sources of a run."""

    def __init__(self, runs: Path, resumed: Path | None = None) -> None:
        """Keep new runs under ``runs``, or go on in the folder ``resumed``.

        Raises:
            RunError: another process works on the run, or something in its folder is a link.

        """
        super().__init__(runs)
        self.template = None
        self.resumed = resumed
        self._started = False
        self._missed = False
        self._metrics: dict[str, dict[str, list[Any]]] = {}
        self._lock: FolderLock | None = None
        if resumed is not None:
            refuse_links(resumed)
            self._lock = FolderLock(resumed)

    @property
    def folder(self) -> Path | None:
        """The run's own folder, once the run has started."""
        return None if self.dir is None else Path(self.dir)

    def save_json(self, obj: Any, filename: str) -> None:
        """Write a file of the run, whole or not at all."""
        assert self.dir is not None
        with self._tolerant(Path(self.dir) / filename) as path:
            write_json(path, flatten(obj))  # type: ignore[no-untyped-call]

    def save_cout(self) -> None:
        """Add to the output so far."""
        assert self.dir is not None
        with self._tolerant(Path(self.dir) / "cout.txt"):
            super().save_cout()  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def _tolerant(self, path: Path) -> Iterator[Path]:
        """Let a run go on that cannot write a file of its record; it must be able to at its start.

        The checkpoints and the summary tell by themselves when they cannot be written.
        """
        try:
            yield path
        except OSError as error:
            text = f"{path} cannot be written: {error.strerror or type(error).__name__}"
            if not self._started:
                raise RunError(text) from None
            if not self._missed:
                logging.getLogger("bnpo").warning("%s; the record may lack entries", text)
            self._missed = True

    def _make_run_dir(self, _id: Any) -> None:
        if self.resumed is not None:
            self.dir = str(self.resumed)
            return
        try:
            super()._make_run_dir(_id)  # type: ignore[no-untyped-call]
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise RunError(f"{self.dir or self.basedir} cannot be made: {reason}") from None
        assert self.dir is not None
        self._lock = FolderLock(Path(self.dir))

    def started_event(self, *args: Any, **event: Any) -> Any:
        """Open the folder; a resumed run keeps the time of its start and counts its starts."""
        before = self._record_so_far()
        try:
            number = super().started_event(*args, **event)  # type: ignore[no-untyped-call]
        except OSError as error:  # of the sources
            place = error.filename or self.dir
            reason = error.strerror or type(error).__name__
            raise RunError(f"{place} cannot be written: {reason}") from None
        if before:
            assert self.run_entry is not None
            self.run_entry["start_time"] = before.get("start_time")
            self.run_entry["resumed"] = int(before.get("resumed") or 0) + 1
            self.save_json(self.run_entry, "run.json")
        self._started = True
        return number if self.resumed is None else self.resumed.name

    def completed_event(self, *args: Any, **event: Any) -> None:
        """Close the record of a run that came to its end."""
        super().completed_event(*args, **event)  # type: ignore[no-untyped-call]
        self.release()

    def interrupted_event(self, *args: Any, **event: Any) -> None:
        """Close the record of a run that was stopped."""
        super().interrupted_event(*args, **event)  # type: ignore[no-untyped-call]
        self.release()

    def failed_event(self, *args: Any, **event: Any) -> None:
        """Close the record of a run that failed, where one could be opened."""
        if self._started:
            super().failed_event(*args, **event)  # type: ignore[no-untyped-call]
        self.release()

    def release(self) -> None:
        """Let other processes work on the run."""
        if self._lock is not None:
            self._lock.release()

    def log_metrics(self, metrics_by_name: Mapping[str, Mapping[str, Any]], info: Any) -> None:
        """Add measurements to metrics.json."""
        del info
        for name, metric in metrics_by_name.items():
            measured = self._metrics.setdefault(name, _no_measurements())
            measured["steps"] += metric["steps"]
            measured["values"] += metric["values"]
            measured["timestamps"] += [time.isoformat() for time in metric["timestamps"]]
        self.save_json(self._metrics, "metrics.json")

    def rewind(self, history: History) -> None:
        """Let the measurements be those of a history: what it lacks comes again.

        After a kill the record may lack some that the history has, since it is written at times.
        """
        assert self.dir is not None
        path = Path(self.dir) / "metrics.json"
        known = _times_of(path)
        now = datetime.now(UTC).replace(tzinfo=None).isoformat()
        self._metrics = {}
        for record in history:
            for name, value in measurements(record):
                metric = self._metrics.setdefault(name, _no_measurements())
                metric["steps"].append(record.env_steps)
                metric["values"].append(value)
                metric["timestamps"].append(known.get((name, record.env_steps), now))
        self.save_json(self._metrics, "metrics.json")

    def _record_so_far(self) -> dict[str, Any]:
        if self.resumed is None:
            return {}
        try:
            record = read_json(self.resumed / "run.json")
        except ValueError:
            return {}
        return record if isinstance(record, dict) else {}


def measurements(record: Record) -> Iterator[tuple[str, float]]:
    """Yield name and value of what an evaluation leaves in the record."""
    for name, value in record.row().items():
        if value is not None and name not in ("env_steps", "episodes"):
            yield name, value


def _no_measurements() -> dict[str, list[Any]]:
    return {"steps": [], "timestamps": [], "values": []}


def _times_of(path: Path) -> dict[tuple[str, int], str]:
    """When values were measured, by name and steps, as far as a file of measurements tells."""
    times = {}
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):  # it is damaged
        for name, metric in read_json(path).items():
            for env_steps, time in zip(metric["steps"], metric["timestamps"], strict=True):
                if isinstance(time, str):
                    times[name, env_steps] = time
    return times
