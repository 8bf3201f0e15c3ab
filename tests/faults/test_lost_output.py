"""Output that nobody reads, or that has no room, ends nothing and is told where it matters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bnpo
from bnpo.experiment import main
from bnpo.show.streams import LenientStream
from tests.experiment.conftest import TINY
from tests.experiment.test_training import read

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(bnpo.__file__).parents[1])}


@pytest.mark.parametrize(
    ("place", "status", "told"),
    [
        ("| true", 0, ""),
        ("> /dev/full", 2, "the output cannot be written: No space left on device"),
        (">&-", 0, ""),
        ("2>&- | true", 0, ""),
    ],
)
def test_what_is_printed_may_be_lost(place: str, status: int, told: str, tmp_path: Path) -> None:
    line = f"set -o pipefail; {sys.executable} -m bnpo print_config with bpo {place}"
    done = subprocess.run(
        ["bash", "-c", line],
        check=False,
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == (f"bnpo: error: {told}\n" if told else "")


def test_a_run_is_trained_to_its_end_even_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    full = Path("/dev/full")
    with full.open("w") as out, full.open("w") as err, monkeypatch.context() as patch:
        output, errors = LenientStream(out), LenientStream(err)
        patch.setattr(sys, "stdout", output)
        patch.setattr(sys, "stderr", errors)  # where that is told
        assert main(["with", "bpo", "goal_reacher", *TINY]) == 0
    assert output.lost is not None
    assert errors.lost is not None
    assert read(tmp_path / "runs" / "1" / "run.json")["status"] == "COMPLETED"
    assert read(tmp_path / "runs" / "1" / "summary.json")["status"] == "completed"
