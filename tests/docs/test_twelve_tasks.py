"""A newcomer's twelve tasks: the lines that each takes, and that they do what they say."""

from __future__ import annotations

import contextlib
import importlib
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bnpo.experiment import main
from tests.docs.kernel import execute, nbformat

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "twelve-tasks.md"
LINES = 10
"""Lines of a task at most."""

_FILE = re.compile(r"# (\w+\.(?:py|yaml))\n")
_NUMBERS: dict[str, Any] = {
    "total_steps": 80,
    "eval_interval": 40,
    "eval_episodes": 2,
    "num_envs": 4,
    "env_kwargs.episode_steps": 10,
    "agent.max_steps": 10,
    "agent.warmup_steps": 0,
    "brains.ddpg.batch_size": 16,
    "brains.ddpg.optim_batch_size": 16,
    "brains.ddpg.learning_repeat": 4,
}
_WORDS = " ".join(f"{key}={value}" for key, value in _NUMBERS.items())
_PLAN = "overrides: {" + ", ".join(f"{key}: {value}" for key, value in _NUMBERS.items()) + "}\n"
SMALLER = {
    "seed=0\n": f"seed=0 {_WORDS}\n",
    "total_steps=60000": "total_steps=120",
    "episodes=100": "episodes=2",
    "episodes=4": "episodes=1",
    "trials: 20\n": f"trials: 1\n{_PLAN}",
    "presets:\n": f"seeds: 1\n{_PLAN}presets:\n",
    "seeds=5).run()": f"seeds=2, overrides={_NUMBERS}).run(progress_bar=False)".replace("'", '"'),
    "total_steps=20_000": "total_steps=800, eval_episodes=2",
}
"""What makes them small enough for a test."""


def sections() -> dict[str, tuple[int, list[tuple[str, str]]]]:
    """Return title, told number of lines, and blocks with their language, of each task."""
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for part in parts:
        title, _, number = part.splitlines()[0].rpartition(": ")
        blocks = re.findall(r"^```(\w+)\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
        found[title] = int(number), blocks
    return found


TASKS = sections()


def test_there_are_twelve() -> None:
    assert len(TASKS) == 12


@pytest.mark.parametrize("title", TASKS)
def test_a_task_takes_the_lines_that_it_says(title: str) -> None:
    told, blocks = TASKS[title]
    lines = [line for _, block in blocks for line in _FILE.sub("", block).splitlines()]
    assert len([line for line in lines if line.strip()]) == told <= LINES


@pytest.mark.slow
def test_the_tasks_do_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("scipy", "optuna", "onnx", "onnxscript", "fastapi", "uvicorn", "nbclient"):
        pytest.importorskip(module, reason="an extra is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    for title, (_, blocks) in TASKS.items():
        with capsys.disabled():
            print(title)
        for language, block in blocks:
            if title == "Notebook":
                notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(small(block))])
                (cell,) = execute(notebook, tmp_path).cells
                kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
                assert "text/html" in kinds
            else:
                run(language, block)
    said = capsys.readouterr().out
    assert "success" in said
    for left in (
        *("runs/1/summary.json", "runs/1/policy.gif", "runs/1/export/policy.onnx"),
        *("studies/study/report.html", "studies/study/runs/softer-goal_reacher-0/summary.json"),
        "sweeps/sweep/trials.db",
    ):
        assert (tmp_path / left).is_file(), left
    assert main(["with", "ppo", "env=cart:Cart-v0", "total_steps=800", "eval_episodes=2"]) == 0
    assert main(["check", "cart:Cart-v0"]) == 0


def small(block: str) -> str:
    for large, less in SMALLER.items():
        block = block.replace(large, less)
    return block


def run(language: str, block: str) -> None:
    """Do what a block says, in the working folder."""
    if named := _FILE.match(block):
        Path(named[1]).write_text(small(block))
        importlib.invalidate_caches()
    elif language == "python":
        exec(compile(small(block), "<task>", "exec"), {})
    else:
        for line in small(block).splitlines():
            program, *words = line.split()
            assert program == "bnpo"
            if words[0] == "board":
                open_board(words)
            else:
                assert main(words) == 0, line


def open_board(words: list[str]) -> None:
    """Serve the board at a free port, look at it and end it."""
    command = [sys.executable, "-m", "bnpo", *words, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        with ended(server):
            address = server.stdout.readline().split(" is shown at ")[1].split(";")[0]
            for _ in range(200):
                with contextlib.suppress(OSError):
                    page = urllib.request.urlopen(f"{address}/api/runs", timeout=30).read()
                    break
            assert b'"status":"completed"' in page
    assert server.returncode == 0


@contextlib.contextmanager
def ended(server: subprocess.Popen[str]) -> Iterator[None]:
    """End a server with Ctrl-C."""
    try:
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
