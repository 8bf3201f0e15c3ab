"""Reading runs: the configuration, the history, the summary and the agent of a run folder.

What makes agents is imported where it is used, so that a list of runs is there at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from bnpo.errors import CheckpointError, ConfigError, RunError, did_you_mean
from bnpo.files import read_as
from bnpo.runs.stream import read_stream
from bnpo.runs.summary import Summary
from bnpo.types.history import History, Metric, Number, Record

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.config import RunConfig

__all__ = [
    "PRETRAINED",
    "RUNS",
    "Checkpoint",
    "checkpoint_path",
    "complete_config",
    "find_run",
    "history_state",
    "load_agent",
    "load_config",
    "load_history",
    "load_run",
    "load_summary",
    "read_file",
]

RUNS = Path("runs")
"""Where runs are put, unless told otherwise."""

PRETRAINED = Path(__file__).parents[1] / "pretrained"
"""Policies that the package brings, each in a folder like that of a run."""

Checkpoint = Literal["last", "best"]
"""Policies that a run keeps: the last, and the best by its metric."""

_NAMED = 8
"""Runs that an error names at most."""

_SECTIONS: dict[str, Any] = {
    "env": str,
    "env_kwargs": dict,
    "seed": int,
    "preset": str | None,
    "agent": dict,
    "brains": dict,
}
"""What the configuration of a training run has at least."""

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class _HistoryFile:
    """What history.json holds."""

    metric: Metric
    threshold: Number
    records: list[Record]


def find_run(run: str | int | Path, runs: Path = RUNS) -> Path:
    """Return the folder of a run.

    Args:
        run: the folder, or the run's number or name; ``pretrained/NAME`` is a policy that the
            package brings
        runs: where runs are that are given by number or name

    Raises:
        RunError: there is no such folder, or it holds no run.

    """
    if not isinstance(run, str | int | Path):
        raise RunError(f"run = {run!r}: allowed is a folder, a number or a name")
    folder = runs / str(run) if isinstance(run, int) else Path(run)
    if not folder.exists() and (runs / folder).is_dir():
        folder = runs / folder
    if not folder.exists() and folder.parts[:1] == (PRETRAINED.name,):
        return _pretrained(folder)
    if not folder.is_dir():
        raise RunError(f"run {folder} is missing: there is no such folder{_those_in(runs)}")
    if not (folder / "config.json").is_file():
        raise RunError(f"run {folder} is no run: {folder / 'config.json'} is missing")
    return folder


def _those_in(runs: Path) -> str:
    """Return which runs a folder holds, the newest of many, in brackets; nothing without any."""
    names = [path.parent.name for path in runs.glob("*/config.json")]
    names.sort(key=lambda name: (len(name), name) if name.isdigit() else (0, name))
    if not names:
        return ""
    newest = f"the newest of {len(names):,}: " if len(names) > _NAMED else ""
    return f" ({runs} holds {newest}{', '.join(names[-_NAMED:])})"


def _pretrained(name: Path) -> Path:
    """Return the folder of a policy that the package brings, named ``pretrained/NAME``."""
    known = sorted(path.parent.name for path in PRETRAINED.glob("*/config.json"))
    task = "/".join(name.parts[1:])
    if task not in known:
        hint = did_you_mean(task, known, f"{PRETRAINED.name}/")
        raise RunError(
            f"run {name} is missing{hint} (pretrained policies: {', '.join(known) or 'none'})"
        )
    return PRETRAINED / task


def load_config(run: str | int | Path) -> dict[str, Any]:
    """Return the configuration of a run.

    Raises:
        RunError: it is missing or damaged.

    """
    path = find_run(run) / "config.json"
    config = read_file(path, dict[str, Any])
    for key, kind in _SECTIONS.items():
        if not isinstance(config.get(key, ...), kind):
            raise RunError(f"{path} is damaged: it tells no {key!r} of a training run")
    return config


def load_run(run: str | int | Path) -> RunConfig:
    """Return the configuration of a run, checked.

    Raises:
        RunError: it is missing or damaged.

    """
    from bnpo.presets import read_config

    config, path = load_config(run), find_run(run) / "config.json"
    try:
        return read_config(config)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} configures no run here: {error}") from None


def complete_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return a run's configuration with every default in its place, so that it can be compared.

    One of another version, with fields that are no more, stays as it is, and so does one that names
    classes by their module: to look at a run imports nothing.
    """
    from bnpo.presets import read_config, write_config
    from bnpo.presets.named import names_modules

    if names_modules(config):
        return config
    try:
        return write_config(read_config(config))
    except (ValueError, KeyError, TypeError, AttributeError):
        return config


def load_summary(run: str | int | Path) -> Summary:
    """Return the summary of a run.

    Raises:
        RunError: it is missing or damaged.

    """
    return read_file(find_run(run) / "summary.json", Summary)


def load_history(run: str | int | Path, *, training: bool = True) -> History:
    """Return the evaluations of a run, and its training stream.

    Args:
        run: folder, number or name
        training: read the stream as well, which may be long

    Raises:
        RunError: the evaluations are missing or damaged.

    """
    folder = find_run(run)
    file = read_file(folder / "history.json", _HistoryFile)
    return History(
        file.metric, file.threshold, file.records, read_stream(folder) if training else []
    )


def history_state(history: History) -> dict[str, Any]:
    """Return a history as JSON holds it."""
    return {
        "metric": history.metric,
        "threshold": history.threshold,
        "records": [dataclasses.asdict(record) for record in history],
    }


def checkpoint_path(run: Path, checkpoint: Checkpoint = "last") -> Path:
    """Return where a run keeps its newest checkpoint, or will keep its first."""
    from bnpo.runs.checkpoint_folder import manifest_of

    return manifest_of(run / "checkpoints", checkpoint)


def load_agent(run: str | int | Path, checkpoint: Checkpoint = "last") -> Agent:
    """Return the agent of a run, with the policy of a checkpoint, ready to act.

    Raises:
        RunError: the run's folder or configuration is missing or damaged.
        CheckpointError: the checkpoint is.

    """
    from bnpo.presets import build_agent
    from bnpo.runs.checkpoint import fitting, load_checkpoint

    folder = find_run(run)
    config = load_config(folder)
    path = checkpoint_path(folder, checkpoint)
    if not path.is_file():
        other: Checkpoint = "best" if checkpoint == "last" else "last"
        there = checkpoint_path(folder, other).is_file()
        hint = f"; its {other} policy is there: checkpoint={other}" if there else ""
        raise CheckpointError(f"checkpoint {path} is missing: the run ended before it{hint}")
    state = load_checkpoint(path, rows=False)
    try:
        agent = _with_stand_ins(config) or build_agent(config)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{folder / 'config.json'} makes no agent here: {error}") from None
    with fitting(path):
        agent.load_policy(state["agent"])
    return agent


def _with_stand_ins(config: dict[str, Any]) -> Agent | None:
    """Return an agent that can act but not train; None where its brains can be made.

    Parts that the process which trained them has not named are known to that process alone. The
    actor does not depend on them.
    """
    from bnpo.presets import PRESETS, build_agent
    from bnpo.presets.named import unnamed_parts

    unnamed = unnamed_parts(config)
    if not unnamed:
        return None
    with contextlib.suppress(ConfigError):
        return build_agent(config)  # in that process itself
    stand_in = PRESETS["ddpg"]["brains"]["ddpg"]
    agent = build_agent({**config, "brains": dict.fromkeys(config["brains"], stand_in)})
    agent.acts_alone = (
        f"{', '.join(unnamed)}: known to the process alone that trained it, so the agent can act "
        "here but not be trained: put the class into a module, then it is called module:Name"
    )
    return agent


def read_file(path: Path, kind: type[Kind]) -> Kind:
    """Read a file of JSON by the types of its fields.

    Raises:
        RunError: it is missing or damaged.

    """
    try:
        return read_as(path, kind)
    except ValueError as error:
        raise RunError(str(error)) from None
