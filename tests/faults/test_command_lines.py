"""Any command line ends with status 0 or 2, without a traceback and without hanging."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bnpo.experiment import main
from bnpo.presets import PRESETS, TASKS
from tests.faults.configurations import PATHS

COMMANDS = ("", "train", "resume", "evaluate", "record", "plot", "print_config", "help", "trian")
OPTIONS = ("-h", "-V", "-u", "-F", "-i", "-n", "-c", "-l", "-C", "-b", "--foo", "--", "-", "-s")
FILES = (
    "run.json",
    "list.json",
    "broken.json",
    "binary.json",
    "absent.json",
    ".",
    "/",
    "deep.json",
)
VALUES = (
    *("0", "1", "-1", "7", "1e6", "1e400", "nan", "-inf", "3.5", "10" * 40, "0x10", "1_000"),
    *("true", "None", "''", "x", "[]", "[1,2]", "(1,", "{}", "{'a': 1}", "{1: 2}", "{1, 2}"),
    *("her", "ppo", "auto", "cpu", "cuda", "b'x'", "1+2j", "()", "[" * 300, "ünïcödé", "\x00"),
    *("lambda: 0", "__import__('os')", "../../x", "runs/1", "%s", "$HOME", "a=b", "\n", " "),
    *("{'name': 'her'}", "{'name': 3}", "{'name': 'gae', 'gae_lambda': 2}", "[[[[]]]]"),
)
BASE = ["eval_episodes=2", "num_envs=2", "agent.replay_size=400", "agent.max_steps=20"]


def words(draw: random.Random) -> list[str]:
    """A command line: mostly near to a valid one."""
    line = [draw.choice(COMMANDS)] if draw.random() < 0.4 else []
    line += ["with"] * (draw.random() < 0.9)
    line += draw.choices([*PRESETS, "nope", *FILES], k=draw.choice((0, 0, 1, 1, 2)))
    line += draw.choices([*TASKS, ""], k=draw.choice((0, 1, 1, 2)))
    line += BASE if draw.random() < 0.5 else []
    for _ in range(draw.choice((0, 1, 1, 2, 4))):
        path = draw.choice(sorted(PATHS))
        if draw.random() < 0.2:
            path = mutated(path, draw)
        line.append(f"{path}={draw.choice(VALUES)}")
    if draw.random() < 0.15:
        line.insert(draw.randrange(len(line) + 1), draw.choice(OPTIONS))
    if draw.random() < 0.1 and line:
        at = draw.randrange(len(line))
        line[at] = mutated(line[at], draw)
    return [word for word in line if word]


def mutated(word: str, draw: random.Random) -> str:
    """A word with a letter changed, added or taken away."""
    at = draw.randrange(len(word) + 1)
    letter = draw.choice("aZ0._=-' ü\\/[{\n")
    return draw.choice((word[:at] + letter + word[at:], word[:at] + word[at + 1 :], word[:at]))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with some files of configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"agent": {"gamma": 0.9}, "seed": 3}))
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "broken.json").write_text('{"agent": ')
    (tmp_path / "binary.json").write_bytes(bytes(range(256)))
    (tmp_path / "deep.json").write_text('{"agent":' * 2_000 + "1" + "}" * 2_000)
    return tmp_path


def fuzz(numbers: range) -> None:
    for number in numbers:
        line = ["--dry-run", *words(random.Random(number))]
        errors = io.StringIO()
        began = time.perf_counter()
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            status = main(line)
        said = errors.getvalue()
        assert status in (0, 2), (number, line, said)
        if status == 2:
            assert said.count("\n") == 1, (number, line, said)
            assert said.startswith("bnpo: error: "), (number, line, said)
        assert time.perf_counter() - began < 20, (number, line)


def test_fuzzed_command_lines(place: Path) -> None:
    fuzz(range(300))
    assert not (place / "runs").exists()


@pytest.mark.faults
def test_ten_thousand_fuzzed_command_lines(place: Path) -> None:
    fuzz(range(300, 10_300))
    assert not (place / "runs").exists()


@pytest.mark.faults
@pytest.mark.parametrize("first", range(0, 100, 20))
def test_a_hundred_fuzzed_command_lines_as_processes(first: int, place: Path) -> None:
    for number in range(20_000 + first, 20_020 + first):
        line = ["--dry-run", *(w for w in words(random.Random(number)) if "\x00" not in w)]
        done = subprocess.run(
            [sys.executable, "-m", "bnpo", *line],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode in (0, 2), (line, done.stderr)
        assert "Traceback" not in done.stderr, (line, done.stderr)
