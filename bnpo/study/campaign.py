"""What studies and sweeps share: a plan, a folder, and where their processes run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from bnpo.cluster.joining import checked_address, joined
from bnpo.compose.validation import check_writable
from bnpo.errors import ConfigError
from bnpo.extras import require
from bnpo.study.plan import StudyPlan, read_plan
from bnpo.study.processes.jobs import checked_workers
from bnpo.study.sweep_plan import SweepPlan

__all__ = ["Campaign"]

Plan = TypeVar("Plan", StudyPlan, SweepPlan)


class Campaign(ABC, Generic[Plan]):
    """Many runs by one plan, in parallel processes and one folder."""

    word: ClassVar[str]
    """Word for it in messages: study or sweep"""

    kind: ClassVar[type[Any]]
    """Class of its plan"""

    library: ClassVar[str]
    """Library of the extra ``study`` that it needs"""

    place: ClassVar[Path]
    """Folder in which its folder lies by default"""

    def __init__(
        self,
        *,
        folder: str | Path | None = None,
        workers: int | None = None,
        ray: str | None = None,
        **plan: Any,
    ) -> None:
        """Check the plan; nothing is run and no file is written.

        Args:
            folder: where everything goes; None: studies/NAME or sweeps/NAME
            workers: processes at a time, of one thread each; None: one for each core, on Ray as
                many as the cluster has room for
            ray: address of a Ray cluster that makes the runs: local, auto or HOST:PORT; None: they
                are made on this machine, without Ray
            **plan: fields of :class:`bnpo.study.plan.StudyPlan` or
                :class:`bnpo.study.sweep_plan.SweepPlan`

        Raises:
            ConfigError: naming what cannot work.
            MissingExtra: SciPy or Optuna is not installed, or Ray where it is asked for.

        """
        self._library: Any = require(self.library, "study", f"a {self.word}")
        self.plan: Plan = self.kind(**plan)
        self.ray = None if ray is None else checked_address(ray, self._on_ray)
        self.workers = checked_workers(workers) if ray is None or workers is not None else None
        self.folder = self.place / self.plan.name if folder is None else _checked(folder)
        self._prepare()

    @property
    def _on_ray(self) -> str:
        return f"a {self.word} on Ray"

    @abstractmethod
    def _prepare(self) -> None:
        """Check the presets, tasks and settings that the plan names."""

    @classmethod
    def read(cls, path: str | Path | None, **settings: Any) -> Self:
        """Read a plan from a YAML file, which may hold folder, workers and ray, too.

        Args:
            path: the file; None: settings hold all of the plan
            **settings: replace what the file holds

        Raises:
            ConfigError: naming the file and what cannot work.

        """
        overriding = {key: value for key, value in settings.items() if value is not None}
        if path is None:
            return cls(**overriding)
        fields = read_plan(path, cls.kind, cls.word) | overriding
        try:
            return cls(**fields)
        except ConfigError as error:
            raise ConfigError(f"{cls.word} file {path}: {error}") from None
        except RecursionError:
            raise ConfigError(f"{cls.word} file {path} is nested too deeply") from None

    @contextmanager
    def _cluster_joined(self) -> Iterator[Any]:
        """Join the Ray cluster that makes the runs (None without Ray); the folder is there then."""
        with joined(self.ray, self._on_ray) as cluster:
            check_writable(self.folder)
            yield cluster


def _checked(folder: object) -> Path:
    """Return the path of a folder, which may come from a file.

    Raises:
        ConfigError: it is none.

    """
    if not isinstance(folder, str | Path) or not str(folder) or "\0" in str(folder):
        raise ConfigError(f"folder = {folder!r}: allowed is the path of a folder")
    return Path(folder)
