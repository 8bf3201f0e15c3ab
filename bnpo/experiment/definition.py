"""The sacred experiment: its configuration, its observers and its commands."""

from __future__ import annotations

import dataclasses
import json
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sacred import SETTINGS, Experiment, serializer
from sacred.config import ConfigDict
from sacred.observers import FileStorageObserver
from sacred.run import Run
from sacred.utils import SacredError

from bnpo.compose.overrides import Overrides, as_json, as_overrides, merge
from bnpo.compose.validation import check_writable
from bnpo.config import RunConfig
from bnpo.errors import ConfigError
from bnpo.experiment.command import COMMANDS, RECORDED, command_of, prepare
from bnpo.experiment.databases import check_databases, made_lenient
from bnpo.experiment.run_folder import RunFolder
from bnpo.experiment.sources import commit, common_folder, source_files
from bnpo.presets import PRESETS, TASKS, write_config
from bnpo.runs import RUNS, find_run
from bnpo.runs.summary import versions

__all__ = ["BnpoExperiment", "experiment"]

# Sacred writes configurations with it; simplejson, where something installed it, sorts the brains.
serializer.json.set_preferred_backend("json")


class KeptRun(Run):
    """A run of sacred, which takes what was printed last at good ends alone."""

    def keep_output(self) -> None:
        """Take what was printed so far."""
        self._get_captured_output()  # type: ignore[no-untyped-call]


class BnpoExperiment(Experiment):
    """An experiment whose configuration is composed and checked before sacred sees it."""

    taken: Any
    """Arguments of the command that is to run: a RunConfig, or its options"""

    own_work: tuple[RunConfig, Callable[[Any], Any]] | None = None
    """Complete configuration and work of a run that no command describes"""

    def carry_out(self, run: RunConfig, work: Callable[[Any], Any], runs: Path) -> Any:
        """Record work on a run, whose configuration is complete, as the command ``train`` is.

        Args:
            run: its configuration; what has no name in it stays out of the record
            work: takes sacred's run
            runs: gets the run's folder

        """
        self.own_work = (run, work)
        try:
            return self.run("train", options={"--file_storage": str(runs)}).result
        finally:
            self.own_work = None

    def run(self, *args: Any, **settings: Any) -> Any:
        """Run a command as sacred does, without the warnings that sacred itself gives rise to."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"sacred\.")
            return super().run(*args, **settings)

    def _create_run(
        self,
        command_name: str | None = None,
        config_updates: Mapping[str, Any] | None = None,
        named_configs: Sequence[str] = (),
        info: Any = None,
        meta_info: Any = None,
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        command = command_name or str(self.default_command)
        flags = {**self.get_default_options(), **(options or {})}
        flags["--capture"] = flags["--capture"] or "sys"
        runs = Path(flags["--file_storage"] or RUNS)
        own = self._with_own(config_updates or {})
        if self.own_work is None:
            self.taken = prepare(command, named_configs, own, runs)
        else:
            self.taken = self.own_work[0]
        updates = {key: as_json(value, key) for key, value in (config_updates or {}).items()}
        fixed = {
            **(meta_info or {}),
            "named_configs": list(named_configs),
            "overrides": _without_dots(updates),
            "commit": commit(),
        }
        before = list(self.observers), list(self.configurations)
        self.configurations[:] = [ConfigDict(_plain(self.taken))]  # type: ignore[no-untyped-call]
        try:
            check_databases(flags)
            self._observe(command, config_updates or {}, flags, runs)
            create: Any = super()._create_run
            run = create(command, {}, (), info, fixed, flags)
            run.observers = made_lenient(run.observers)
            run.__class__ = KeptRun
            return run
        except ConfigError:
            raise
        except ImportError as error:
            raise ConfigError(
                f"the record asked for needs a package that is not installed: {error.name}"
            ) from error
        except SacredError as error:
            raise ConfigError(" ".join(str(error).split())) from error
        finally:
            self.observers, self.configurations[:] = before

    def _with_own(self, updates: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return updates on top of what was added by ``add_config`` and ``@experiment.config``."""
        own: dict[str, Any] = {}
        for configuration in self.configurations:
            merge(own, json.loads(json.dumps(configuration(fixed=own))))
        return Overrides({**as_overrides(own), **as_overrides(updates)}) if own else updates

    def _observe(
        self, command: str, updates: Mapping[str, Any], flags: dict[str, Any], runs: Path
    ) -> None:
        """Add the observer that keeps the run's folder, where the command has one."""
        flags["--file_storage"] = None
        in_files = any(isinstance(observer, FileStorageObserver) for observer in self.observers)
        if command == "resume":
            check_writable(folder := find_run(updates["run"], runs))
            self.observers.append(RunFolder(folder.parent, resumed=folder))
        elif command == "train" and not in_files and not flags["--unobserved"]:
            check_writable(runs)
            if flags["--id"] is not None:
                _require_free(runs / str(flags["--id"]))
            self.observers.append(RunFolder(runs))


def _require_free(folder: Path) -> None:
    """Raise a ConfigError where the folder of a new run is there, or cannot be."""
    try:
        reason = "exists" if folder.exists() else None
    except OSError as error:
        reason = f"cannot be made: {error.strerror}"
    if reason is not None:
        raise ConfigError(f"--id = {folder.name}: {folder} {reason}")


def _plain(taken: Any) -> dict[str, Any]:
    """Return what a command takes as sacred holds it."""
    if isinstance(taken, RunConfig):
        return write_config(taken, strict=False)  # what a command composes has names
    return dataclasses.asdict(taken) if dataclasses.is_dataclass(type(taken)) else {}


def _without_dots(updates: Mapping[str, Any]) -> list[str]:
    """Return the overrides as text: their paths hold dots, which databases refuse in keys."""
    return [f"{path}={value!r}" for path, value in updates.items()]


def _make() -> Any:
    SETTINGS.HOST_INFO.INCLUDE_GPU_INFO = False
    fresh: Any = BnpoExperiment(
        "bnpo", interactive=True, base_dir=common_folder(), save_git_info=False
    )
    fresh.logger = logging.getLogger("bnpo")  # sacred would set up the root logger
    # Whoever runs a command tells its end.
    endings = ("Failed after", "Aborted")
    told = logging.getLogger("bnpo.bnpo")
    told.addFilter(lambda entry: not str(entry.msg).startswith(endings))
    for file in source_files():
        fresh.add_source_file(str(file))
    for package, version in versions().items():
        if version is not None and package not in ("bnpo", "python"):
            fresh.add_package_dependency(package, version.split("+")[0])
    for name, content in {**PRESETS, **TASKS}.items():
        fresh.add_named_config(name, content)
    for name in ("save_config", "print_config"):
        del fresh.commands[name]
    for name in COMMANDS:
        fresh.command(_call_of(name, fresh), unobserved=name not in RECORDED)
    fresh.default_command = "train"
    return fresh


def _call_of(name: str, of: BnpoExperiment) -> Callable[..., Any]:
    """Return a command as sacred calls it."""

    def call(_run: Any) -> Any:
        function = command_of(name).function
        if name not in RECORDED:
            return function(of.taken)
        try:
            return function(of.taken, _run) if of.own_work is None else of.own_work[1](_run)
        except BaseException:
            _run.keep_output()
            raise

    call.__name__, call.__doc__ = name, command_of(name).function.__doc__
    return call


experiment: BnpoExperiment = _make()
"""The experiment, for notebooks and scripts: ``experiment.run(named_configs=["bpo"])``."""
