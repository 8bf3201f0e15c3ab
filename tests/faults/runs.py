"""Runs as processes of their own that can be killed, resumed and compared."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bnpo.runs import Checkpoint, checkpoint_path, load_summary
from bnpo.runs.checkpoint import load_checkpoint
from tests.experiment.conftest import TINY
from tests.experiment.test_training import assert_equal, read

SMALL = [
    *TINY,
    *("agent.replay_size=400", "brains.ddpg.optim_pool_size=300"),
    *("total_steps=1500", "eval_interval=400", "checkpoint_interval=120"),
]
"""A run of about a second: rows of replay and pools are written anew several times."""

TASKS = ("goal_reacher", "moving_reacher")

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        *("tests.faults.runs", "bnpo.experiment.definition", "bnpo.show.recording", "mujoco"),
        *("matplotlib.figure", "matplotlib.backends.backend_agg"),
    ]
)


def start(
    line: Sequence[str],
    folder: Path,
    die_at: int | None = None,
    before: Callable[[], None] | None = None,
) -> BaseProcess:
    """Start a command line in a folder.

    Args:
        line: the words after ``bnpo``
        folder: where it works; its output goes to the file ``said`` there
        die_at: the process kills itself at this stage of writing checkpoints
        before: called in the process before anything else

    """
    folder.mkdir(exist_ok=True)
    arguments = (list(line), folder, die_at, before)
    process = _SERVER.Process(target=_work, args=arguments, daemon=True)
    process.start()
    return process


def finish(
    line: Sequence[str], folder: Path, before: Callable[[], None] | None = None
) -> int | None:
    """Run a command line to its end and return its exit status."""
    process = start(line, folder, before=before)
    process.join(timeout=120)
    return process.exitcode


def train(task: str) -> list[str]:
    return ["with", "bpo", task, *SMALL]


def said(folder: Path) -> str:
    """Everything that the commands in a folder have printed."""
    return (folder / "said").read_text()


def assert_same_run(run: Path, other: Path) -> None:
    """Assert that two runs ended with the same parameters, metrics and summary, but for times."""
    assert load_summary(run).without_times() == load_summary(other).without_times()
    kinds: tuple[Checkpoint, ...] = ("last", "best")
    for kind in kinds:
        paths = checkpoint_path(run, kind), checkpoint_path(other, kind)
        assert paths[0].name == paths[1].name
        assert_equal(load_checkpoint(paths[0]), load_checkpoint(paths[1]), kind)
    assert_equal(read(run / "history.json"), read(other / "history.json"))
    metrics: list[Any] = [read(one / "metrics.json") for one in (run, other)]
    assert metrics[0].keys() == metrics[1].keys()
    for name in metrics[0].keys() - {"wall_s"}:
        for column in ("steps", "values"):
            assert metrics[0][name][column] == metrics[1][name][column], name


def _work(
    line: list[str], folder: Path, die_at: int | None, before: Callable[[], None] | None
) -> None:
    """What the process does; it leaves by the exit status of the command line."""
    os.chdir(folder)
    output = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    from bnpo.errors import RecordingError
    from bnpo.experiment import main
    from bnpo.show import recording

    def no_video(*_: object, **__: object) -> None:
        raise RecordingError("a test needs no video")

    vars(recording)["record"] = no_video
    if before is not None:
        before()
    if die_at is not None:
        _die_while_writing(die_at)
    status = main(line)
    sys.stdout.flush()
    sys.exit(status)


def _die_while_writing(stage: int) -> None:
    """Let the process be killed at the given one of the stages of all writes of checkpoints.

    A file has three: half of it is written, all of it is written and lasting, it has its name.
    """
    from bnpo.files import PARTIAL
    from bnpo.runs import checkpoint_files

    left = [stage]

    def pass_stage() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    real = checkpoint_files.write_whole

    def write_whole(path: Path, content: bytes) -> None:
        half = path.with_name(path.name + PARTIAL)
        half.write_bytes(content[: len(content) // 2])
        pass_stage()
        half.write_bytes(content)
        pass_stage()
        real(path, content)
        pass_stage()

    for module in (checkpoint_files, sys.modules["bnpo.runs.checkpoint"]):
        module.write_whole = write_whole  # type: ignore[attr-defined]
