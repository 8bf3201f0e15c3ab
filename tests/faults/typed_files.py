"""Files that commands read, the commands that read them, and a folder that holds them all."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.faults.reading import outcome, reading_alone


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
    "training stream": Kind(
        file="runs/2/training.jsonl",
        commands=(
            "runs",
            "resume with run=2",
            "plot with runs=2 metric=rollout/return",
            "compare 1 2 metric=rollout/return",
        ),
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
    "dataset": Kind(
        file="datasets/own/reacher-v0/data/metadata.json",
        commands=(
            "--dry-run with runs/1/config.json offline=own/reacher-v0",
            "-F scratch with runs/1/config.json offline=own/reacher-v0",
        ),
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
        if importlib.util.find_spec("minari"):
            outcome("export with run=1 format=minari dataset=own/reacher-v0")
