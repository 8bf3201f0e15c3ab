"""The fastest number of threads is measured and told."""

from __future__ import annotations

import pytest

from bnpo.experiment.commands import tune_threads
from tests.experiment.conftest import Command


@pytest.mark.parametrize("spelling", ["tune-threads", "tune_threads"])
def test_the_fastest_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    speeds = {1: 100.0, 2: 300.0, 3: 200.0}
    monkeypatch.setattr("bnpo.envs.cores.available_cores", lambda: 3)
    monkeypatch.setattr(tune_threads, "steps_per_s", lambda run: speeds[run.train.threads])
    status, output, _ = command(f"{spelling} with bpo goal_reacher TINY")
    assert status == 0
    assert [line.split() for line in output.splitlines()[1:4]] == [
        ["1", "100"],
        ["2", "300"],
        ["3", "200"],
    ]
    assert output.splitlines()[-1] == "fastest: threads=2"


def test_it_trains(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnpo.envs.cores.available_cores", lambda: 1)
    status, output, _ = command("tune-threads with bpo goal_reacher TINY")
    assert status == 0
    assert float(output.splitlines()[1].split()[1].replace(",", "")) > 0


def test_bad_input_is_told_in_one_line(command: Command) -> None:
    status, _, errors = command("tune-threads with bpo goal_reacher threads=0")
    assert status == 2
    assert "threads" in errors
    assert len(errors.splitlines()) == 1
