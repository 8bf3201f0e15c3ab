"""Files that commands read, with any of their fields removed or of another type."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import shutil
import unittest.mock
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bnpo.errors import ConfigError, RecordingError
from bnpo.experiment import main

REMOVED = "<removed>"
"""Stands for a field that is not there."""

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, float("inf"), 1.5, "", "x", [], {}),
    *("long " * 2_000, [[[[[["deep"]]]]]], "NaN", "b'\x00\udcff\x1b[31m'", 10**30, REMOVED),
)
"""What a field is replaced by."""

Path_ = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A file that commands read."""

    file: str
    """Its path in the folder of :func:`make_folder`."""

    commands: Sequence[str]
    """Command lines that read it."""

    lists_all: bool = False
    """Whether the first command lists runs, of which another one must be told as well."""

    seal: Callable[[dict[str, Any]], None] | None = None
    """Makes a changed content pass for an unchanged one."""


def _seal_manifest(content: dict[str, Any]) -> None:
    """Compute the checksum of a manifest anew, as somebody who means harm would."""
    body = content.get("body")
    if isinstance(body, dict) and "sha256" in content:
        whole = json.dumps(body, separators=(",", ":")).encode()
        content["sha256"] = hashlib.sha256(whole).hexdigest()


_OF_CHECKPOINT = (
    "--dry-run resume with run=2",
    "resume with run=2",
    "evaluate with run=2",
    "record with run=2",
    "export with run=2",
)

KINDS: dict[str, Kind] = {
    "config": Kind(
        file="runs/2/config.json",
        commands=(
            "runs",
            "--dry-run resume with run=2",
            "evaluate with run=2",
            "record with run=2",
            "compare 1 2",
            "export with run=2",
            "--dry-run with runs/2/config.json",
            "print_config with runs/2/config.json",
        ),
        lists_all=True,
    ),
    "run": Kind(file="runs/2/run.json", commands=("runs", "resume with run=2"), lists_all=True),
    "history": Kind(
        file="runs/2/history.json",
        commands=("plot with runs=2", "compare 1 2", "compare 2 1", "export with run=2"),
    ),
    "history of a killed run": Kind(
        file="runs/3/history.json", commands=("runs", "plot with runs=[1,3]"), lists_all=True
    ),
    "summary": Kind(
        file="runs/2/summary.json",
        commands=("runs", "runs with sort=success", "compare 1 2", "export with run=2"),
        lists_all=True,
    ),
    "metrics": Kind(
        file="runs/2/metrics.json",
        commands=("runs", "resume with run=2", "plot with runs=2"),
        lists_all=True,
    ),
    "manifest": Kind(file="runs/2/checkpoints/step-000000400.json", commands=_OF_CHECKPOINT),
    "sealed manifest": Kind(
        file="runs/2/checkpoints/step-000000400.json",
        commands=_OF_CHECKPOINT,
        seal=_seal_manifest,
    ),
    "best manifest": Kind(
        file="runs/2/checkpoints/best-000000400.json",
        commands=("evaluate with run=2 checkpoint=best",),
    ),
    "study file": Kind(file="study.yaml", commands=("--dry-run study with study.yaml",)),
    "study of variants": Kind(
        file="variants.yaml", commands=("--dry-run study with variants.yaml",)
    ),
    "sweep file": Kind(file="sweep.yaml", commands=("--dry-run sweep with sweep.yaml",)),
    "sweep folder": Kind(
        file="sweeps/sweep/sweep.json", commands=("sweep with sweep.yaml workers=1",)
    ),
    "study folder": Kind(
        file="studies/study/runs/bpo-goal_reacher-0/config.json",
        commands=("study with study.yaml workers=1",),
    ),
    "summary in a study": Kind(
        file="studies/study/runs/bpo-goal_reacher-0/summary.json",
        commands=("study with study.yaml workers=1",),
    ),
    "history in a study": Kind(
        file="studies/study/runs/bpo-goal_reacher-0/history.json",
        commands=("study with study.yaml workers=1",),
    ),
}

_STUDY = {
    "presets": ["bpo"],
    "tasks": ["goal_reacher"],
    "seeds": [0],
    "overrides": {},
    "name": "study",
    "workers": 1,
    "folder": "studies/study",
    "ray": None,
}
_VARIANTS = {
    "presets": {"wide": {"preset": "bpo", "agent.gamma": 0.9}},
    "tasks": {"short": {"task": "goal_reacher", "env_kwargs": {"episode_steps": 10}}},
    "seeds": 2,
    "overrides": {"total_steps": 100, "brains": {"ddpg": {"batch_size": 8}}},
}
_SWEEP = {
    "preset": "bpo",
    "task": "goal_reacher",
    "ranges": {
        "brains.ddpg.lr_actor": {"low": 0.001, "high": 0.01, "log": True},
        "agent.gamma": {"choices": [0.9, 0.95]},
        "num_envs": {"low": 2, "high": 8, "step": 2, "log": False},
    },
    "trials": 2,
    "seeds": [0],
    "objective": "area",
    "prune": True,
    "overrides": {"total_steps": 40, "eval_interval": 40},
    "workers": 1,
}


def make_folder(folder: Path, run: Path) -> None:
    """Fill a folder with runs, plans, and what studies and sweeps leave.

    Args:
        folder: to fill
        run: a finished run of the preset bpo on the goal Reacher

    """
    for name in ("1", "2", "3"):
        shutil.copytree(run, folder / "runs" / name)
    (folder / "runs/3/summary.json").unlink()
    checkpoints = folder / "runs/2/checkpoints"
    max(checkpoints.glob("best-*.json")).rename(checkpoints / "best-000000400.json")
    (checkpoints / "step-000000200.json").unlink()
    config = json.loads((run / "config.json").read_text())
    plan = {**_STUDY, "overrides": {k: v for k, v in config.items() if k not in ("seed", "preset")}}
    for name, content in (("study", plan), ("variants", _VARIANTS), ("sweep", _SWEEP)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    shutil.copytree(run, folder / "studies/study/runs/bpo-goal_reacher-0")
    with contextlib.chdir(folder), reading_alone():
        outcome("sweep with sweep.yaml workers=1")


def places(content: Any, at: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of every field; of a list, those of its first and of its last item."""
    if isinstance(content, Mapping):
        keys: list[Any] = list(content)
    elif isinstance(content, list) and content:
        keys = sorted({0, len(content) - 1})
    else:
        return
    for key in keys:
        yield (*at, key)
        yield from places(content[key], (*at, key))


def replaced(content: Any, at: Path_, value: Any) -> Any:
    """Return a content with the value at a path replaced or removed."""
    made = copy.deepcopy(content)
    place = made
    for key in at[:-1]:
        place = place[key]
    if value == REMOVED:
        del place[at[-1]]
    else:
        place[at[-1]] = value
    return made


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command line did."""

    status: int | None
    """Exit status; None where an exception was raised"""

    output: str
    errors: str
    raised: Exception | None = None

    def fault(self) -> str | None:
        """Say what is wrong with it, if anything."""
        if self.raised is not None:
            return f"raised {type(self.raised).__name__}"
        if self.status not in (0, 2):
            return f"status {self.status}"
        said = [line for line in self.errors.splitlines() if line.startswith("bnpo: ")]
        if self.status == 2 and (len(said) != 1 or len(self.errors) > 2_000):
            return "not one line of error"
        return "a traceback is told" if "Traceback" in self.output + self.errors else None


def outcome(line: str) -> Outcome:
    """Run a command line in this process."""
    output, errors = io.StringIO(), io.StringIO()
    status, raised = None, None
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = main(line.split())
        except Exception as error:
            raised = error
    return Outcome(status=status, output=output.getvalue(), errors=errors.getvalue(), raised=raised)


@dataclass(frozen=True, kw_only=True)
class Input:
    """One changed file and a command that reads it."""

    kind: str
    at: Path_
    value: Any
    command: int

    @property
    def line(self) -> str:
        """The command line."""
        return KINDS[self.kind].commands[self.command]

    def __str__(self) -> str:
        """Name the input in one line."""
        place = ".".join(map(str, self.at))
        return f"{self.kind}: {place} = {str(self.value)[:30]!r}, bnpo {self.line}"


def content_of(kind: str) -> Any:
    """Return the unchanged content of a file."""
    text = Path(KINDS[kind].file).read_text(encoding="utf-8")
    return yaml.safe_load(text) if KINDS[kind].file.endswith(".yaml") else json.loads(text)


def inputs(kind: str) -> list[Input]:
    """Return every input of a kind; the folder of :func:`make_folder` is the working folder."""
    return [
        Input(kind=kind, at=at, value=value, command=command)
        for at in places(content_of(kind))
        for value in VALUES
        for command in range(len(KINDS[kind].commands))
    ]


def tried(given: Input) -> str | None:
    """Try an input in the working folder; return what is wrong with the outcome, if anything."""
    kind = KINDS[given.kind]
    path = Path(kind.file)
    content = replaced(content_of(given.kind), given.at, given.value)
    if kind.seal is not None:
        kind.seal(content)
    before = {file: file.read_bytes() for file in _written(given)}
    before[path] = path.read_bytes()
    try:
        text = yaml.dump(content) if path.suffix == ".yaml" else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        found = outcome(given.line)
    finally:
        for file, there in before.items():
            file.write_bytes(there)
    if kind.lists_all and given.line.startswith("runs") and "completed" not in found.output:
        return "the other runs are not listed"
    if found.raised is not None:
        raise found.raised
    return found.fault()


def _written(given: Input) -> list[Path]:
    """Files that a command may change."""
    if given.line.startswith("resume"):
        return [*Path("runs/2").glob("*.json")]
    return [*Path("sweeps").glob("*/*.json")] if given.line.startswith("sweep") else []


def _saved(_: Any, file: Any, **__: Any) -> None:
    """Save a figure without drawing it."""
    file.write(b"<svg/>") if isinstance(file, io.BytesIO) else Path(file).touch()


@contextlib.contextmanager
def reading_alone() -> Iterator[None]:
    """Let commands end where all is read and the long work would begin."""
    work = ConfigError("all was read")
    with contextlib.ExitStack() as stubs:
        for name, error in (
            ("bnpo.training.evaluation.PolicyEvaluator.run", work),
            ("bnpo.show.recording.play", RecordingError("nothing is drawn here")),
            ("torch.export.export", work),
            ("optuna.create_study", work),
            ("bnpo.study.processes.forking.ForkServer.start", work),
        ):
            stubs.enter_context(unittest.mock.patch(name, side_effect=error))
        stubs.enter_context(unittest.mock.patch("matplotlib.figure.Figure.savefig", _saved))
        yield
