"""A run's folder as sacred's file observer, made to last.

Differs from sacred's observer: files are written whole or not at all, keys keep their order (the
order of brains is the order of their turns), and a run can go on in the folder it already has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sacred.observers import FileStorageObserver
from sacred.serializer import flatten

from bnpo.errors import RunError
from bnpo.files import read_json, write_json
from bnpo.types.history import History, Record

__all__ = ["RunFolder", "measurements"]


class RunFolder(FileStorageObserver):
    """Keeps config.json, run.json, metrics.json, cout.txt and the sources of a run."""

    def __init__(self, runs: Path, resumed: Path | None = None) -> None:
        """Keep new runs under ``runs``, or go on in the folder ``resumed``."""
        super().__init__(runs)
        self.resumed = resumed
        self._started = False
        self._missed = False

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

    @contextmanager
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
        if self.resumed is None:
            super()._make_run_dir(_id)  # type: ignore[no-untyped-call]
        else:
            self.dir = str(self.resumed)

    def started_event(self, *args: Any, **event: Any) -> Any:
        """Open the folder; a resumed run keeps the time of its start and counts its starts."""
        before = self._record_so_far()
        made = super().started_event(*args, **event)  # type: ignore[no-untyped-call]
        if before:
            assert self.run_entry is not None
            self.run_entry["start_time"] = before.get("start_time")
            self.run_entry["resumed"] = int(before.get("resumed") or 0) + 1
            self.save_json(self.run_entry, "run.json")
        self._started = True
        return made if self.resumed is None else self.resumed.name

    def rewind(self, history: History) -> None:
        """Let the measurements be those of a history: what it lacks comes again.

        After a kill the record may lack some that the history has, since it is written at times.
        """
        assert self.dir is not None
        path = Path(self.dir) / "metrics.json"
        known = read_json(path) if path.is_file() else {}
        now = datetime.now(UTC).replace(tzinfo=None).isoformat()
        made: dict[str, dict[str, list[Any]]] = {}
        for record in history:
            for name, value in measurements(record):
                metric = made.setdefault(name, {"steps": [], "timestamps": [], "values": []})
                metric["steps"].append(record.env_steps)
                metric["values"].append(value)
                metric["timestamps"].append(_time_of(known.get(name), record.env_steps) or now)
        self.save_json(made, "metrics.json")

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


def _time_of(metric: Any, env_steps: int) -> str | None:
    """When a value was measured, as far as the record knows."""
    if not isinstance(metric, dict) or env_steps not in metric.get("steps", ()):
        return None
    time: str = metric["timestamps"][metric["steps"].index(env_steps)]
    return time
