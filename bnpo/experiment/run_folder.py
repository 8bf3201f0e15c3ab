"""A run's folder as sacred's file observer, made to last.

Differs from sacred's observer: files are written whole or not at all, keys keep their order (the
order of brains is the order of their turns), and a run can go on in the folder it already has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sacred.observers import FileStorageObserver
from sacred.serializer import flatten

from bnpo.summary import read_json, write_json

__all__ = ["RunFolder"]


class RunFolder(FileStorageObserver):
    """Keeps config.json, run.json, metrics.json, cout.txt and the sources of a run."""

    def __init__(self, runs: Path, resumed: Path | None = None) -> None:
        """Keep new runs under ``runs``, or go on in the folder ``resumed``."""
        super().__init__(runs)
        self.resumed = resumed

    @property
    def folder(self) -> Path | None:
        """The run's own folder, once the run has started."""
        return None if self.dir is None else Path(self.dir)

    def save_json(self, obj: Any, filename: str) -> None:
        """Write a file of the run, whole or not at all."""
        assert self.dir is not None
        write_json(Path(self.dir) / filename, flatten(obj))  # type: ignore[no-untyped-call]

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
        return made if self.resumed is None else self.resumed.name

    def rewind(self, env_steps: int) -> None:
        """Forget the measurements after a number of environment steps: they come again."""
        assert self.dir is not None
        path = Path(self.dir) / "metrics.json"
        if not path.is_file():
            return
        kept = {}
        for name, metric in read_json(path).items():
            rows = [row for row, step in enumerate(metric["steps"]) if step <= env_steps]
            kept[name] = {key: [column[row] for row in rows] for key, column in metric.items()}
        self.save_json(kept, "metrics.json")

    def _record_so_far(self) -> dict[str, Any]:
        if self.resumed is None:
            return {}
        try:
            record = read_json(self.resumed / "run.json")
        except ValueError:
            return {}
        return record if isinstance(record, dict) else {}
