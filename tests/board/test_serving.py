"""``bnpo board``: its address, and bad input in one line."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra board is not installed")
pytest.importorskip("uvicorn", reason="the extra board is not installed")

from bnpo.experiment import main


def complaint(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("bnpo: error: ")
    assert said.err.count("\n") == 1
    return said.err


def test_a_port_in_use(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = complaint(["board", str(runs), "--port", str(port)], capsys)
    assert f"port = {port} of 127.0.0.1 cannot be had: Address already in use; allowed is" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["board", "none"], "folder none is missing: no runs are there"),
        (["board", "."], "folder . holds no run: allowed is a folder of runs, of a study"),
        (["board"], "folder runs is missing"),
        (["board", ".", "--port", "70000"], "BoardOptions.port = 70000: allowed is less than"),
        (
            ["board", ".", "--port", "soon"],
            "BoardOptions.port = 'soon': allowed is a valid integer",
        ),
        (["runs", "--port", "3"], "--port = '3' with runs: allowed with board"),
        (["board", "a", "b"], "'b' after 'a': allowed is one folder"),
    ],
)
def test_bad_input(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in complaint(words, capsys)


def test_a_host_that_is_not_here(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = complaint(["board", str(runs), "--host", "192.0.2.1", "--port", "0"], capsys)
    assert "of 192.0.2.1 cannot be had" in said


def test_the_address_is_this_machines_own(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", str(runs), "--port", "0", "--dry-run"]) == 0
    from bnpo.board import Board

    board = Board(runs)
    assert board.address == "http://127.0.0.1:8000"
    assert not board.is_open


def test_a_board_is_served_and_ends_with_ctrl_c(runs: Path) -> None:
    words = [sys.executable, "-m", "bnpo", "board", str(runs), "--port", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            address = line.split(" is shown at ")[1].split(";")[0]
            page = ""
            for _ in range(100):
                try:
                    page = urllib.request.urlopen(address, timeout=5).read().decode()
                    break
                except OSError:
                    time.sleep(0.1)
            assert "<title>BNPO board</title>" in page
        finally:
            server.send_signal(2)
        out, err = server.communicate(timeout=20)
    assert (server.returncode, out, err) == (0, "the board is closed\n", "")
