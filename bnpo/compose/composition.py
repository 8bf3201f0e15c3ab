"""A run's configuration out of named configurations and overrides.

From weak to strong, whatever order they are given in: the defaults of the fields, the preset, the
task, what was found for this preset on this task, configuration files, overrides.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnpo.compose.files import ENDINGS, read_mapping
from bnpo.compose.overrides import as_json, as_overrides, merge, put
from bnpo.compose.schema import check_keys, defaults, names_of, section
from bnpo.config import (
    AgentConfig,
    BrainDescription,
    NetworkConfig,
    RunConfig,
    TaskConfig,
    TrainConfig,
)
from bnpo.errors import ConfigError, did_you_mean
from bnpo.presets import PRESETS, REGISTRIES, TASKS, TUNED, read_config

__all__ = ["compose", "compose_run"]

DEFAULT_PRESET = "bpo"
DEFAULT_TASK = "goal_reacher"


def compose_run(named: Sequence[str], updates: Mapping[str, Any]) -> RunConfig:
    """Return the complete configuration of a training run, its fields checked one by one.

    Whether they work together on the environment is for
    :func:`bnpo.compose.validation.validate` to find out.

    Args:
        named: presets, tasks, and files of JSON or YAML that hold a configuration or a part of one
        updates: nested, or :class:`Overrides`, which replace what stands at their path

    Raises:
        ConfigError: for an unknown name, a second preset or task, an unknown key, a bad value.

    """
    return read_config(compose(named, updates))


def compose(named: Sequence[str], updates: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :func:`compose_run` reads, in plain dicts, its keys checked but not its values.

    Rules, schemes and laws stand there as they were given.
    """
    overrides = as_overrides(updates)
    preset, task, files = _sort_names(named)
    written: dict[str, Any] = {}
    for content in files:
        merge(written, content)
    if "preset" in overrides and "brains" not in overrides:
        preset = _agree("preset", preset, overrides["preset"], PRESETS)
    own_brains = preset is None and "brains" in written
    if preset is None and not own_brains:
        preset = _agree("preset", None, written.get("preset", DEFAULT_PRESET), PRESETS)
    env = overrides.get("env", written.get("env"))
    if task is None:
        task = DEFAULT_TASK if env is None else _task_of(env)

    run: dict[str, Any] = {}
    for part in (
        PRESETS[preset] if preset is not None else {},
        TASKS[task] if task is not None else {},
        TUNED.get((preset or "", task or ""), {}),
        written,
    ):
        merge(run, copy.deepcopy(as_json(part, "config")))
    if preset is not None:
        run["preset"] = preset
    known = list(section(run, "brains"))
    for path, value in overrides.items():
        put(run, path, copy.deepcopy(value))
    check_keys(run, REGISTRIES)
    _check_brains(section(run, "brains"), known)
    return _filled(run)


def _sort_names(named: Sequence[str]) -> tuple[str | None, str | None, list[dict[str, Any]]]:
    """Tell presets, tasks and files apart."""
    preset: str | None = None
    task: str | None = None
    files = []
    for name in named:
        if name in PRESETS:
            preset = _agree("preset", preset, name, PRESETS)
        elif name in TASKS:
            task = _agree("task", task, name, TASKS)
        elif name.endswith(ENDINGS):
            files.append(as_json(read_mapping(Path(name), "config file"), name))
        else:
            known = [*PRESETS, *TASKS]
            hint = did_you_mean(name, known)
            raise ConfigError(
                f"unknown preset or task {name!r}{hint} (allowed: {', '.join(known)}, a .json "
                "or .yaml file, or key=value)"
            )
    return preset, task, files


def _agree(kind: str, first: str | None, second: Any, known: Mapping[str, Any]) -> str:
    """Return the one name; two different ones, and one that is not known, are refused."""
    if not isinstance(second, str) or second not in known:
        hint = did_you_mean(second, known)
        raise ConfigError(f"{kind} = {second!r}: allowed is one of {', '.join(known)}{hint}")
    if first is not None and first != second:
        raise ConfigError(f"two {kind}s, {first!r} and {second!r}: allowed is one")
    return second


def _task_of(env: Any) -> str | None:
    """Return the task that is about an environment, if there is one."""
    return next((name for name, task in TASKS.items() if task.get("env") == env), None)


def _check_brains(brains: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse a brain that came to be by a misspelt name."""
    needed = [n for n in names_of(BrainDescription) if n not in defaults(BrainDescription)]
    for name, fields in brains.items():
        missing = [field for field in needed if field not in fields]
        if name in known or not missing:
            continue
        hint = did_you_mean(name, known)
        raise ConfigError(
            f"unknown brain {name!r}{hint} (this run has: {', '.join(known) or 'none'}; "
            f"a new one also needs {', '.join(missing)})"
        )


def _filled(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with every default in its place, in a fixed order of sections."""
    filled: dict[str, Any] = {"env": None, **defaults(TaskConfig)}
    agent = {**defaults(AgentConfig, without=("networks",)), **section(run, "agent")}
    networks = section(agent, "networks", "agent.")
    agent["networks"] = {**defaults(NetworkConfig), **networks}
    spare = defaults(BrainDescription, without=("name",))
    brains = {name: {**fields, **_absent(spare, fields)} for name, fields in run["brains"].items()}
    filled |= {key: value for key, value in run.items() if key not in ("agent", "brains")}
    head = {key: filled.pop(key) for key in names_of(TaskConfig)}
    return {**head, **defaults(TrainConfig), **filled, "agent": agent, "brains": brains}


def _absent(spare: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in spare.items() if key not in fields}
