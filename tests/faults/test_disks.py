"""Full disks and read-only folders: one clear line, and no earlier checkpoint is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.experiment.conftest import Command
from tests.faults.runs import SMALL, assert_same_run, finish, said, train

RESUME = ["resume", "with", "run=runs/1"]


def one_line(folder: Path) -> str:
    """The error at the end of what was said; there is one and no traceback."""
    text = said(folder)
    assert "Traceback" not in text
    errors = [line for line in text.splitlines() if line.startswith("bnpo: error:")]
    assert len(errors) == 1, text
    return errors[0]


def small_files_only() -> None:
    """Let files of the process grow to 40,000 bytes: replay and pools fit, networks do not."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


def test_a_file_that_grows_too_large_costs_no_checkpoint(tmp_path: Path) -> None:
    straight = tmp_path / "straight"
    assert finish(train("goal_reacher"), straight) == 0
    folder = tmp_path / "limited"
    part = [*train("goal_reacher"), "total_steps=700"]
    assert finish(part, folder) == 0
    run = folder / "runs" / "1"
    before = {path: path.read_bytes() for path in run.glob("checkpoints/*")}
    longer = [*RESUME, "total_steps=1500"]
    (folder / "said").unlink()
    assert finish(longer, folder, before=small_files_only) == 2
    error = one_line(folder)
    for words in ("checkpoints/state-", "cannot be written: File too large", "step-000000700.json"):
        assert words in error
    assert {path: path.read_bytes() for path in before} == before
    assert not list(run.rglob("checkpoints/*.partial"))
    assert finish(longer, folder) == 0, said(folder)
    assert_same_run(run, straight / "runs" / "1")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB, where the system lets the test mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if (
        shutil.which("mount") is None
        or subprocess.run(line, check=False, capture_output=True).returncode
    ):
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.faults
def test_a_full_disk_costs_no_checkpoint(small_disk: Path, tmp_path: Path) -> None:
    straight = tmp_path / "straight"
    assert finish(train("goal_reacher"), straight) == 0
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "runs").symlink_to(small_disk)
    line = [*train("goal_reacher"), "-i"]
    assert finish([*line, "first", "total_steps=4"], folder) == 0, "leaves the sources"
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb") as file:
        while shutil.disk_usage(small_disk).free > 200_000:
            file.write(bytes(4096))
            file.flush()
    assert finish([*line, "1"], folder) == 2, said(folder)
    assert "cannot be written: No space left on device" in one_line(folder)
    assert "its last checkpoint is" in said(folder)
    run = small_disk / "1"
    assert list(run.glob("checkpoints/step-*.json"))
    filler.unlink()
    assert finish(RESUME, folder) == 0, said(folder)
    assert_same_run(run, straight / "runs" / "1")


def as_nobody() -> None:
    """Root may write everywhere, so be someone else."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


def test_read_only_folders_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    assert finish([*train("goal_reacher"), "total_steps=400"], folder) == 0
    run = folder / "runs" / "1"
    for above in [tmp_path, *tmp_path.parents]:
        if above.stat().st_mode & 0o755 != 0o755:  # pytest's own folders, one more under xdist
            above.chmod(0o755)
    files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for path in [folder / "runs", *run.rglob("*"), run]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    lines = {
        "runs folder runs/1 cannot be written": [*RESUME, "total_steps=800"],
        "runs folder runs cannot be written": ["with", "bpo", *SMALL],
    }
    for words, line in lines.items():
        (folder / "said").unlink()
        (folder / "said").touch(0o666)
        (folder / "said").chmod(0o666)
        assert finish(line, folder, before=as_nobody) == 2
        assert words in one_line(folder)
    for path in [folder / "runs", run, *run.rglob("*")]:
        path.chmod(0o755)
    assert {path: path.read_bytes() for path in files} == files


@pytest.mark.parametrize(
    "line",
    [
        "with bpo goal_reacher TINY",
        "export with run=1",
        "plot with runs=1",
        "record with run=1 episodes=1",
    ],
)
def test_a_full_disk_is_told_in_one_line(
    line: str, command: Command, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start of a run, and where pictures and exports are written: nothing is left over."""
    shutil.copytree(finished_run, "runs/1")
    before = {path for path in Path("runs/1").rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    status, _, errors = command(line)
    assert status == 2
    assert "Traceback" not in errors
    (told,) = [one for one in errors.splitlines() if one.startswith("bnpo: error: ")]
    assert "No space left on device" in told
    assert {path for path in Path("runs/1").rglob("*") if path.is_file()} == before
