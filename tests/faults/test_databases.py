"""Records in databases: needed at a run's start, never after."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bnpo.runs import load_summary
from bnpo.training import Trainer
from tests.experiment.conftest import Command
from tests.experiment.test_bad_input import assert_one_line

sqlalchemy = pytest.importorskip("sqlalchemy", reason="pip install sqlalchemy")


def rows(url: str) -> list[tuple[str, str, float]]:
    """Name, status and result of every run in a database."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        query = sqlalchemy.text("select run_id, status, result from run order by id")
        content = [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    return content


def test_runs_are_recorded_in_sqlite_too(command: Command, tmp_path: Path) -> None:
    url = "sqlite:///record.db"
    for _ in range(2):
        status, _, errors = command(f"-s {url} -b 0.05 with bpo TINY")
        assert status == 0, errors
        assert "cannot be written" not in errors
    assert command(f"resume -s {url} with run=runs/1 total_steps=600")[0] == 0
    content = rows(url)
    assert [status for _, status, _ in content] == ["COMPLETED"] * 3
    assert content[0][2] == load_summary(tmp_path / "runs" / "2").success_rate
    assert {path.name for path in (tmp_path / "runs").glob("[0-9]*")} == {"1", "2"}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("-s sqlite:////nowhere/x.db", ["-s", "cannot be used", "unable to open"]),
        ("-s nonsense", ["-s", "nonsense", "URL"]),
        ("-s mysql+pymysql://me:secret@127.0.0.1/x", ["me@127.0.0.1/x needs pymysql"]),
        ("-s postgresql+psycopg://me:secret@127.0.0.1:1/x", ["-s", "me@127.0.0.1"]),
        ("-m localhost:27017:x", ["-m needs pymongo", "bnpo[records]"]),
        ("-t folder", ["-t needs tinydb", "bnpo[records]"]),
    ],
)
def test_a_database_that_is_down_is_told_before_training(
    option: str, words: list[str], command: Command, tmp_path: Path
) -> None:
    package = {"-m": "pymongo", "-t": "tinydb"}.get(option[:2])
    if package and importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    said = command(f"{option} with bpo TINY")
    assert_one_line(said, *words)
    assert "secret" not in said[2]
    assert not (tmp_path / "runs" / "1").exists()


def lose(monkeypatch: pytest.MonkeyPatch, at: int, action: object) -> None:
    """Let something happen at a step of the next run."""
    real = Trainer.step

    def step(self: Trainer) -> None:
        real(self)
        if self.agent.env_steps == at:
            action()  # type: ignore[operator]

    monkeypatch.setattr(Trainer, "step", step)


def assert_the_files_are_complete(run: Path) -> None:
    assert json.loads((run / "run.json").read_text())["status"] == "COMPLETED"
    assert json.loads((run / "metrics.json").read_text())["success_rate"]["steps"] == [200, 400]
    assert load_summary(run).env_steps == 400


def test_a_database_that_goes_away_costs_no_run(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def take_away() -> None:
        (tmp_path / "record.db").unlink()
        (tmp_path / "record.db").mkdir()

    lose(monkeypatch, 100, take_away)
    status, _, errors = command("-s sqlite:///record.db -b 0.02 with bpo TINY")
    assert status == 0, errors
    lines = [text for text in caplog.messages if "the Sql record cannot be written" in text]
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert_the_files_are_complete(tmp_path / "runs" / "1")


def _programs() -> Path | None:
    """Folder of PostgreSQL's programs, which Debian leaves out of the path."""
    program = shutil.which("pg_ctl")
    if program is not None:
        return Path(program).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class Server:
    """A PostgreSQL server of this test."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.programs = _programs()
        self.url = f"postgresql+psycopg://bnpo@127.0.0.1:{self.port}/postgres"

    def call(self, *line: str) -> None:
        """Run one of its programs; it refuses to be root."""
        user: dict[str, Any] = (
            {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        )
        assert self.programs is not None
        program = str(self.programs / line[0])
        silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run((program, *line[1:]), check=True, cwd="/", **silent, **user)

    def start(self) -> None:
        data = str(self.folder / "data")
        self.call("initdb", "-D", data, "-U", "bnpo", "-A", "trust")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}"
        log = str(self.folder / "log")
        self.call("pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        self.call("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if _programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")
    folder = Path("/tmp") / f"bnpo-postgres-{os.getpid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    fresh = Server(folder)
    fresh.start()
    yield fresh
    with contextlib.suppress(subprocess.CalledProcessError):  # the test has stopped it
        fresh.stop()
    shutil.rmtree(folder)


@pytest.mark.faults
def test_a_postgresql_that_is_stopped_costs_no_run(
    server: Server,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    status, _, errors = command(f"-s {server.url} -b 0.05 with bpo TINY")
    assert status == 0, errors
    assert [status for _, status, _ in rows(server.url)] == ["COMPLETED"]
    lose(monkeypatch, 100, server.stop)
    caplog.clear()
    status, _, errors = command(f"-s {server.url} -b 0.05 with bpo TINY")
    assert status == 0, errors
    assert len([text for text in caplog.messages if "Sql record cannot be written" in text]) == 1
    assert_the_files_are_complete(tmp_path / "runs" / "2")
    assert_one_line(command(f"-s {server.url} with bpo TINY"), "-s", "cannot be used", "refused")
