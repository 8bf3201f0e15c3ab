"""Minari datasets on the local disk: where they lie, writing them whole, opening them checked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnpo.envs import make_env
from bnpo.errors import OfflineError
from bnpo.extras import require
from bnpo.files import read_json
from bnpo.interop.minari_episodes import episodes_of, reading
from bnpo.types import Trajectories

if TYPE_CHECKING:
    from bnpo.agent import Agent

__all__ = ["open_dataset", "require_free", "write_segments"]


def require_free(dataset_id: str) -> Path:
    """Return where a new dataset will lie.

    Raises:
        MissingExtra: Minari is not installed.
        OfflineError: the name is none, or taken.

    """
    path = _path(dataset_id)
    if path.exists():
        raise OfflineError(f"dataset = {dataset_id!r}: {path} exists; allowed is a new name")
    return path


def write_segments(dataset_id: str, segments: Trajectories, agent: Agent) -> Path:
    """Write segments [K] as a dataset of K episodes, which appears when it is complete.

    Raises:
        MissingExtra: Minari is not installed.
        OfflineError: the name is none or taken, or the dataset cannot be written.

    """
    path = require_free(dataset_id)
    minari = _minari()
    env = make_env(agent.spec.env_id, **agent.env_kwargs)
    env.close()
    namespace = minari.dataset.minari_dataset.parse_dataset_id(dataset_id)[0]
    try:
        if namespace is not None and namespace not in minari.namespace.list_local_namespaces():
            minari.namespace.create_namespace(namespace)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as place:
            whole = Path(place) / "whole"
            whole.mkdir()
            storage = minari.dataset.minari_storage.MinariStorage.new(
                whole / "data", env.observation_space, env.action_space, _specification(env)
            )
            brains = ", ".join(brain.name for brain in agent.brains)
            storage.update_metadata(
                {
                    "dataset_id": dataset_id,
                    "minari_version": minari.__version__,
                    "algorithm_name": f"BNPO ({brains})",
                    "description": "Segments of BNPO's replay; infos['behaviour'] holds the drawn "
                    "action and the distribution that it was drawn from.",
                }
            )
            episode = minari.data_collector.EpisodeBuffer
            storage.update_episodes(episodes_of(segments, agent, env.observation_space, episode))
            whole.rename(path)
    except OSError as error:
        raise OfflineError(f"dataset {path} cannot be written: {error.strerror or error}") from None
    return path


def open_dataset(dataset_id: str, agent: Agent) -> Any:
    """Return a local dataset of episodes that fit the agent's task.

    Observations, goals and actions must have the task's sizes and actions its bounds; the name of
    the environment is not compared, since versions of it may differ.

    Raises:
        MissingExtra: Minari is not installed.
        OfflineError: there is no such dataset, it is damaged, or of another task.

    """
    path = _path(dataset_id)
    if not (path / "data").is_dir():
        raise OfflineError(f"dataset {dataset_id!r} is missing: {path} does not exist")
    _require_harmless(path)
    with reading(path):
        dataset = _minari().load_dataset(dataset_id, download=False)
        spaces = dataset.observation_space, dataset.action_space
    env = make_env(agent.spec.env_id, **agent.env_kwargs)
    env.close()
    for name, space, own in zip(
        ("observations", "actions"), spaces, (env.observation_space, env.action_space), strict=True
    ):
        if _form(space) != _form(own):
            raise OfflineError(
                f"dataset {dataset_id!r} has {name} {_form(space)}: {agent.spec.env_id} has "
                f"{_form(own)}"
            )
    low, high = (np.asarray(bound, float).ravel() for bound in (spaces[1].low, spaces[1].high))
    if not (np.allclose(low, agent.spec.action_low) and np.allclose(high, agent.spec.action_high)):
        raise OfflineError(
            f"dataset {dataset_id!r} has actions from {low.tolist()} to {high.tolist()}: those of "
            f"{agent.spec.env_id} are from {[*agent.spec.action_low]} to "
            f"{[*agent.spec.action_high]}"
        )
    if not len(dataset):
        raise OfflineError(f"dataset {dataset_id!r} has no episode")
    return dataset


def _require_harmless(path: Path) -> None:
    """Refuse a dataset that would have something called, or another file read.

    Where its metadata tell no spaces, Minari makes the environment that they name to ask it, and
    they may name any callable. A link of its HDF5 file may lead to another file.

    Raises:
        OfflineError: it is such a dataset, or damaged.

    """
    with reading(path):
        metadata = read_json(path / "data" / "metadata.json")
        for name in ("observation_space", "action_space"):
            if not isinstance(metadata.get(name), str):
                raise OfflineError(
                    f"dataset {path} does not tell its {name}: allowed are datasets that do, the "
                    "environment that it names is not made to be asked"
                )
        file = path / "data" / "main_data.hdf5"
        if file.exists():
            h5py = require("h5py", "minari", "a Minari dataset")
            with h5py.File(file, "r") as held:
                hard = h5py.h5l.TYPE_HARD
                link = held.id.links.visit(
                    lambda name, info: None if info.type == hard else name, info=True
                )
            if link is not None:
                name = link.decode(errors="replace")
                raise OfflineError(f"dataset {path} links {name!r}: allowed are data of its own")


def _specification(env: Any) -> Any:
    """Return how an environment is made, as a dataset tells it; None where text cannot.

    A class or a function that was registered is no text.
    """
    try:
        env.spec.to_json()
    except (ValueError, TypeError, AttributeError):
        return None
    return env.spec


def _form(space: Any) -> Any:
    """Return the shape of a space, or those of its parts by name."""
    parts = getattr(space, "spaces", None)
    if isinstance(parts, Mapping):
        return {name: _form(parts[name]) for name in sorted(parts)}
    return list(space.shape) if space.shape is not None else str(space)


def _path(dataset_id: str) -> Path:
    """Return where a dataset lies on this machine."""
    minari = _minari()
    try:
        minari.dataset.minari_dataset.parse_dataset_id(dataset_id)
    except (ValueError, TypeError):
        raise OfflineError(
            f"dataset = {dataset_id!r}: allowed is a name such as 'goal-reacher/bpo-v0', with a "
            "version at its end"
        ) from None
    try:
        path: Path = minari.storage.get_dataset_path(dataset_id)
    except OSError as error:  # of the folder of all datasets, which is made
        place = f"{error.filename}: {error.strerror}"
        raise OfflineError(f"dataset {dataset_id!r} cannot be looked for in {place}") from None
    return path


def _minari() -> Any:
    """Return Minari, with what it needs for its files."""
    require("h5py", "minari", "a Minari dataset")
    require("minari.namespace", "minari", "a Minari dataset")
    return require("minari", "minari", "a Minari dataset")
