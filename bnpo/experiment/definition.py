"""The sacred experiment: its configuration, its observers and its commands."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sacred import SETTINGS, Experiment
from sacred.config import ConfigDict
from sacred.observers import FileStorageObserver
from sacred.utils import SacredError

from bnpo.compose.composition import compose, compose_options
from bnpo.compose.overrides import as_json
from bnpo.compose.validation import check_writable, validate
from bnpo.errors import ConfigError
from bnpo.experiment import commands, workbench
from bnpo.experiment.databases import check_databases, made_lenient
from bnpo.experiment.options import EvaluateOptions, PlotOptions, RecordOptions, ResumeOptions
from bnpo.experiment.run_folder import RunFolder
from bnpo.experiment.sources import common_folder, source_files
from bnpo.presets import PRESETS, TASKS
from bnpo.runs import RUNS, find_run, load_config
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.runs.summary import versions

__all__ = ["OPTIONS", "BnpoExperiment", "experiment"]

OPTIONS: dict[str, type[Any]] = {
    "evaluate": EvaluateOptions,
    "record": RecordOptions,
    "plot": PlotOptions,
    "resume": ResumeOptions,
    **workbench.OPTIONS,
}
"""Commands that work on runs, with what they take."""


class BnpoExperiment(Experiment):
    """An experiment whose configuration is composed and checked before sacred sees it."""

    def prepare(
        self,
        command: str,
        named: Sequence[str] = (),
        updates: Mapping[str, Any] | None = None,
        runs: Path = RUNS,
    ) -> dict[str, Any]:
        """Return the configuration of a command, complete and validated; nothing is written.

        Args:
            command: its name
            named: presets, tasks and files
            updates: overrides
            runs: where runs are that are given by their number

        Raises:
            ConfigError: naming the field that cannot work, its value and what is allowed.

        """
        kind = OPTIONS.get(command)
        if kind is None:
            config = compose(named, updates or {})
            if command in workbench.TRAINING:
                validate(config)
            return config
        options = compose_options(command, kind, named, updates or {})
        kind(**options)
        if command in workbench.ELSEWHERE:
            return workbench.placed(command, options, runs)
        if "runs" in options:
            options["runs"] = [str(find_run(run, runs)) for run in _list(options["runs"])]
        else:
            options["run"] = str(find_run(options["run"], runs))
        if command != "resume":
            return options
        config = load_config(options["run"])
        if options["total_steps"] is not None:
            config["total_steps"] = options["total_steps"]
        try:
            validate(config)
        except (ConfigError, KeyError) as error:
            raise ConfigError(f"{Path(options['run']) / 'config.json'}: {error}") from None
        CheckpointFolder(Path(options["run"]) / "checkpoints").check()
        return config

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
        config = self.prepare(command, named_configs, config_updates, runs)
        updates = {key: as_json(value, key) for key, value in (config_updates or {}).items()}
        given = {
            **(meta_info or {}),
            "named_configs": list(named_configs),
            "overrides": _without_dots(updates),
        }
        before = list(self.observers)
        self.configurations[:] = [ConfigDict(config)]  # type: ignore[no-untyped-call]
        try:
            check_databases(flags)
            self._observe(command, config_updates or {}, flags, runs)
            create: Any = super()._create_run
            made = create(command, {}, (), info, given, flags)
            made.observers = made_lenient(made.observers)
            return made
        except ConfigError:
            raise
        except ImportError as error:
            raise ConfigError(
                f"the record asked for needs a package that is not installed: {error.name}"
            ) from error
        except SacredError as error:
            raise ConfigError(" ".join(str(error).split())) from error
        finally:
            self.observers = before

    def _observe(
        self, command: str, updates: Mapping[str, Any], flags: dict[str, Any], runs: Path
    ) -> None:
        """Add the observer that keeps the run's folder, where the command has one."""
        flags["--file_storage"] = None
        kept = any(isinstance(observer, FileStorageObserver) for observer in self.observers)
        if command == "resume":
            check_writable(folder := find_run(updates["run"], runs))
            self.observers.append(RunFolder(folder.parent, resumed=folder))
        elif command == "train" and not kept and not flags["--unobserved"]:
            check_writable(runs)
            if flags["--id"] is not None and (runs / str(flags["--id"])).exists():
                raise ConfigError(f"--id = {flags['--id']}: {runs / str(flags['--id'])} exists")
            self.observers.append(RunFolder(runs))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _without_dots(updates: Mapping[str, Any]) -> list[str]:
    """Overrides as text: their paths hold dots, which databases refuse in keys."""
    return [f"{path}={value!r}" for path, value in updates.items()]


def _make() -> Any:
    SETTINGS.HOST_INFO.INCLUDE_GPU_INFO = False
    made: Any = BnpoExperiment(
        "bnpo", interactive=True, base_dir=common_folder(), save_git_info=False
    )
    made.logger = logging.getLogger("bnpo")  # sacred would set up the root logger
    for file in source_files():
        made.add_source_file(str(file))
    for package, version in versions().items():
        if version is not None and package not in ("bnpo", "python"):
            made.add_package_dependency(package, version.split("+")[0])
    for name, content in {**PRESETS, **TASKS}.items():
        made.add_named_config(name, content)
    for name in ("save_config", "print_config"):
        del made.commands[name]
    made.main(commands.train)
    for command in (commands.evaluate, commands.record, commands.plot, commands.print_config):
        made.command(command, unobserved=True)
    made.command(commands.resume)
    for command in workbench.COMMANDS:
        made.command(command, unobserved=True)
    return made


experiment: BnpoExperiment = _make()
"""The experiment, for notebooks and scripts: ``experiment.run(named_configs=["bpo"])``."""
