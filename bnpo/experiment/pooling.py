"""Runs that differ by their seed alone, pooled into groups with a label each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnpo.compose.overrides import differing_keys
from bnpo.runs import load_config
from bnpo.runs.reading import complete_config

__all__ = ["Group", "group_runs", "plain_names"]

_RECORD = ("seed", "tensorboard", "video", "callbacks", "checkpoint_keep", "checkpoint_interval")
"""Keys that may differ within a group: the seed, and what decides nothing of the numbers."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Runs of one configuration."""

    label: str
    """Preset, and what else tells it from the other groups; the seed of a single run"""

    folders: list[Path]
    """Folders of the runs"""

    config: dict[str, Any]
    """Complete configuration of the first run"""

    seeds: list[Any]
    """Seeds of the runs"""


def group_runs(folders: Sequence[Path]) -> list[Group]:
    """Return runs in groups that differ by their seed alone, in the order they are given.

    Raises:
        RunError: a configuration is missing or damaged.

    """
    configs = [complete_config(load_config(folder)) for folder in folders]
    members: list[list[int]] = []
    for index, config in enumerate(configs):
        for group in members:
            if not _differing([configs[group[0]], config]):
                group.append(index)
                break
        else:
            members.append([index])
    labels = _labels([configs[group[0]] for group in members])
    groups = []
    for label, group in zip(labels, members, strict=True):
        seeds = [configs[index].get("seed") for index in group]
        own = f"{label}, seed {seeds[0]}" if len(group) == 1 else label
        of = [folders[index] for index in group]
        groups.append(Group(label=own, folders=of, config=configs[group[0]], seeds=seeds))
    return _told_apart(groups)


def plain_names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' own names, or their paths where two have the same name."""
    names = [folder.name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _differing(configs: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    rows = differing_keys(configs)
    return [(key, values) for key, values in rows if key not in _RECORD]


def _labels(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the preset of each group, its environment and other keys as far as they differ."""
    labels = [str(config.get("preset") or "own brains") for config in configs]
    envs = [str(config.get("env")) for config in configs]
    if len(set(envs)) > 1:
        labels = [f"{label} on {env}" for label, env in zip(labels, envs, strict=True)]
    differing: list[str] = []
    for config, label in zip(configs, labels, strict=True):
        twins = [one for one, other in zip(configs, labels, strict=True) if other == label]
        keys = [key for key, _ in _differing(twins)][:2]
        values = {key: value for key, (value, *_) in _differing([config, *twins])}
        differing.append(
            " ".join([label, *(f"{key}={values[key]}" for key in keys if key in values)])
        )
    return differing


def _told_apart(groups: list[Group]) -> list[Group]:
    """Return groups with the names of their runs where two have one label."""
    labels = [group.label for group in groups]
    return [
        group
        if labels.count(group.label) == 1
        else Group(
            label=f"{group.label} ({', '.join(folder.name for folder in group.folders)})",
            folders=group.folders,
            config=group.config,
            seeds=group.seeds,
        )
        for group in groups
    ]
