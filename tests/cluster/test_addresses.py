"""A cluster that cannot be joined is told in one line, with exit status 2."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import pytest

from bnpo.cluster import joining
from bnpo.cluster.joining import joined
from bnpo.errors import ConfigError
from tests.study.conftest import Command, command

__all__ = ["command"]

STUDY = "presets: [ddpg_her]\nseeds: 1\n"


def told(command: Command, line: str) -> str:
    status, _, errors = command(line)  # what the study will do is announced before it starts
    assert (status, errors.count("\n")) == (2, 1), errors
    return errors


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    pytest.importorskip("scipy", reason="the extra study is not installed")
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    return path


@pytest.mark.parametrize("form", ["with study.yaml ray={}", "with study.yaml --ray {}"])
def test_nobody_answers(command: Command, study: Path, form: str) -> None:
    address = f"127.0.0.1:{closed_port()}"
    started = time.monotonic()
    errors = told(command, "study " + form.format(address))
    assert f"ray = '{address}': no Ray cluster answers there (Connection refused)" in errors
    assert time.monotonic() - started < 10
    assert {path.name for path in study.parent.iterdir()} == {"study.yaml"}


def test_something_else_answers(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself would ask for minutes, and then end the process that asks."""
    monkeypatch.setattr(joining, "PATIENCE", 2.0)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(ConfigError, match="no answer within 2 s"), joined(address, "a test"):
            pass


@pytest.mark.parametrize(
    ("line", "mentions"),
    [
        ("study with study.yaml ray=nowhere", ["'nowhere'", "local, auto or HOST:PORT"]),
        ("study with study.yaml --ray 10.0.0.1:99999", ["99999", "HOST:PORT"]),
        ("study with study.yaml --ray ray://10.0.0.1:10001", ["HOST:PORT", "ray job submit"]),
        ("study with study.yaml ray=3", ["ray", "3", "string"]),
        ("sweep with preset=bpo --ray nowhere", ["'nowhere'", "HOST:PORT"]),
        ("with bpo --ray local", ["--ray", "train", "study, sweep"]),
        ("evaluate with run=1 --ray local", ["--ray", "evaluate", "study, sweep"]),
    ],
)
def test_bad_addresses(command: Command, study: Path, line: str, mentions: list[str]) -> None:
    pytest.importorskip("optuna", reason="the extra study is not installed")
    errors = told(command, line)
    assert all(mention in errors for mention in mentions), errors


def test_the_extra_is_named(command: Command, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    errors = told(command, "study with study.yaml ray=local")
    assert "a study on Ray needs ray: pip install 'bnpo[ray]'" in errors
