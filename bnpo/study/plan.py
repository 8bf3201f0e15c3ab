"""The plan of a study: presets x tasks x seeds, and the run that each combination stands for.

What makes agents is imported where it is used, so that the help on a plan is there at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bnpo.compose.files import read_mapping
from bnpo.compose.overrides import as_overrides
from bnpo.compose.schema import names_of, refuse_unknown
from bnpo.config import RunConfig, config
from bnpo.errors import ConfigError, did_you_mean
from bnpo.presets import PRESETS, TASKS

__all__ = ["Job", "Name", "Seeds", "StudyPlan", "on_cpu", "plan_fields", "read_plan"]

Variants = list[str] | dict[str, dict[str, Any] | None]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=200)]
"""A name that may be that of a folder."""

Seeds = Annotated[int, Field(ge=1, le=10_000)] | list[Annotated[int, Field(ge=0, lt=2**32)]]
"""Number of seeds, from 0 on, or the seeds themselves."""

_LONGEST = 80
"""Longest label (characters): two labels and a seed name a folder."""


@config
class StudyPlan:
    """Which runs a study consists of."""

    presets: Variants
    """Names of presets, or labels with what makes each: ``{"wide": {"preset": "bpo", ...}}``, the
    rest being overrides."""

    tasks: Variants = dataclasses.field(default_factory=lambda: ["goal_reacher"])
    """Names of tasks, or labels with what makes each: ``{"short": {"task": "goal_reacher", ...}}``
    or ``{"mine": {"env": "module:Puck-v0", ...}}``, the rest being overrides. ``presets``: what
    some presets are given on this task alone, by label,
    ``{"presets": {"bpo": {"brains.ddpg.credit": "n_step"}}}``."""

    seeds: Seeds = 5
    """How many seeds, from 0 on, or the seeds themselves."""

    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Configuration that all runs share, by dotted path."""

    name: Name = "study"
    """Name of the study."""

    def __post_init__(self) -> None:
        """Refuse a study without runs."""
        for key in ("presets", "tasks", "seeds"):
            values = getattr(self, key)
            if not isinstance(values, int) and len(values) == 0:
                raise ConfigError(f"StudyPlan.{key} = {values!r}: allowed is at least one")

    @property
    def seed_list(self) -> list[int]:
        """The seeds, each once."""
        seeds = self.seeds
        return list(range(seeds)) if isinstance(seeds, int) else list(dict.fromkeys(seeds))

    def jobs(self, *, elsewhere: bool = False) -> list[Job]:
        """Return the runs, checked, in the order of presets, tasks and seeds.

        Args:
            elsewhere: they are made on other machines, so that this one need not have their device

        Raises:
            ConfigError: naming the preset, task or key that cannot work.

        """
        from bnpo.compose.composition import compose_run
        from bnpo.compose.validation import validate

        jobs = []
        presets = _variants("preset", self.presets, PRESETS)
        tasks = [
            (task, name, *_of_presets(task, fields, [label for label, *_ in presets]))
            for task, name, fields in _variants("task", self.tasks, TASKS)
        ]
        for preset, preset_name, of_preset in presets:
            for task, task_name, of_task, of_both in tasks:
                updates = as_overrides(self.overrides)
                for part in (of_task, of_preset, of_both.get(preset, {})):
                    updates.update(as_overrides(part))
                if "seed" in updates:
                    raise ConfigError("seed cannot be overridden in a study: allowed is seeds=...")
                try:
                    names = [name for name in (preset_name, task_name) if name]
                    run = compose_run(names, updates)
                    validate(on_cpu(run) if elsewhere else run)
                except ConfigError as error:
                    raise ConfigError(f"{preset} on {task}: {error}") from None
                jobs += [
                    Job(preset=preset, task=task, seed=seed, run=run.with_seed(seed))
                    for seed in self.seed_list
                ]
        _require_names_once(jobs)
        return jobs


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a study."""

    preset: str
    """Label of the run's preset"""

    task: str
    """Label of the run's task"""

    seed: int
    """Seed of the run"""

    run: RunConfig
    """Complete configuration of the run"""

    @property
    def config(self) -> dict[str, Any]:
        """Configuration of the run as JSON holds it."""
        from bnpo.presets import write_config

        return write_config(self.run)

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.preset}-{self.task}-{self.seed}"


def _require_names_once(jobs: list[Job]) -> None:
    """Refuse labels that give two runs one folder, such as a-b on c and a on b-c."""
    known: dict[str, Job] = {}
    for job in jobs:
        other = known.setdefault(job.name, job)
        if other is not job:
            raise ConfigError(
                f"{job.preset} on {job.task} and {other.preset} on {other.task} would both have "
                f"the folder {job.name}: allowed are other labels"
            )


def on_cpu(run: RunConfig) -> RunConfig:
    """Return the configuration of a run as a machine without accelerators can check it."""
    return run.with_agent(device="cpu")


def read_plan(path: str | Path, kind: type[Any], word: str) -> dict[str, Any]:
    """Read the fields of a plan from a YAML file (JSON is YAML).

    Args:
        path: the file
        kind: of plan
        word: what it is a plan of: study or sweep

    Raises:
        ConfigError: naming the file, and the key where one is unknown.

    """
    path, what = Path(path), f"{word} file"
    content = read_mapping(path, what)
    try:
        refuse_unknown([str(key) for key in content], [*names_of(kind), "workers", "folder", "ray"])
    except ConfigError as error:
        raise ConfigError(f"{what} {path}: {error}") from None
    return {"name": _name_of(path), **content}


def plan_fields(plan: Any) -> dict[str, Any]:
    """Return a plan as JSON holds it."""
    return dataclasses.asdict(plan)


def _name_of(path: Path) -> str:
    """Name a study after its file."""
    plain = [
        char if char.isascii() and (char.isalnum() or char in "_-") else "-" for char in path.stem
    ]
    return "".join(plain).strip("-_") or "study"


def _of_presets(
    task: str, fields: dict[str, Any], labels: list[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return what all presets are given on a task, and what each is given besides, by label."""
    rest = dict(fields)
    own = rest.pop("presets", None) or {}
    if not isinstance(own, Mapping) or not all(isinstance(one, Mapping) for one in own.values()):
        raise ConfigError(
            f"tasks.{task}.presets = {own!r}: allowed are overrides by label of a preset"
        )
    for label in own:
        if label not in labels:
            raise ConfigError(
                f"tasks.{task}.presets names {label!r}{did_you_mean(label, labels)} "
                f"(allowed: {', '.join(labels)})"
            )
    return rest, {str(label): dict(one) for label, one in own.items()}


def _variants(
    kind: str, named: Variants, known: Mapping[str, Any]
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return label, name and overrides of each preset or task; no name of a task that is an env."""
    entries = named if isinstance(named, dict) else dict.fromkeys(named)
    variants = []
    for label, fields in entries.items():
        rest = dict(fields or {})
        of_env = kind == "task" and kind not in rest and "env" in rest and label not in known
        name = "" if of_env else rest.pop(kind, label)
        if not of_env and (not isinstance(name, str) or name not in known):
            hint = did_you_mean(name, known)
            raise ConfigError(
                f"unknown {kind} {name!r} in {kind}s{hint} (allowed: {', '.join(known)})"
            )
        if not label.replace("_", "").replace("-", "").isalnum() or len(label) > _LONGEST:
            raise ConfigError(
                f"{kind}s has the label {label!r}: allowed is a plain name of at most {_LONGEST} "
                "characters"
            )
        variants.append((label, name, rest))
    return variants
