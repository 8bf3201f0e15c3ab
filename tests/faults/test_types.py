"""Values of other types in the files that commands read: one line; other runs are still listed."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from bnpo.errors import RunError
from bnpo.runs import list_runs, load_history, load_summary, read_run, read_stream
from bnpo.runs.stream import STREAM
from tests.faults.reading import reading_alone
from tests.faults.typed_files import KINDS, make_folder
from tests.faults.typed_inputs import REMOVED, Input, inputs, tried


def changed(run: Path, folder: Path, file: str, keys: tuple[Any, ...], value: Any) -> Path:
    """Copy a run with one value of one of its files replaced."""
    made = shutil.copytree(
        run, folder / "runs" / "2", ignore=shutil.ignore_patterns("*.safetensors")
    )
    content = json.loads((made / file).read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (made / file).write_text(json.dumps(content))
    return made


@pytest.mark.parametrize(
    ("file", "keys", "value", "words"),
    [
        ("summary.json", ("env_steps",), "x", "env_steps = 'x': allowed is a valid integer"),
        ("summary.json", ("env_steps",), -1, "env_steps = -1"),
        ("summary.json", ("env_steps",), 10**30, "env_steps = 10000000000"),
        ("summary.json", ("wall_s",), float("inf"), "wall_s = inf: allowed is a finite number"),
        ("summary.json", ("success_rate",), "0.5", "success_rate = '0.5'"),
        ("summary.json", ("success_rate",), 1.5, "success_rate = 1.5"),
        ("summary.json", ("versions",), [], "versions"),
        ("summary.json", ("status",), True, "status = True"),
        ("history.json", ("metric",), "x", "metric = 'x'"),
        ("history.json", ("threshold",), None, "threshold = None"),
        ("history.json", ("records",), {}, "records = {}"),
        ("history.json", ("records", 0, "env_steps"), 1.5, "records.0.env_steps = 1.5"),
        ("history.json", ("records", 0, "brains"), {"ppo": {"loss": "x"}}, "brains.ppo.loss"),
    ],
)
def test_a_value_of_another_type_is_named(
    file: str, keys: tuple[Any, ...], value: Any, words: str, finished_run: Path, tmp_path: Path
) -> None:
    run = changed(finished_run, tmp_path, file, keys, value)
    reader = load_summary if file == "summary.json" else load_history
    with pytest.raises(RunError) as caught:
        reader(run)
    assert str(caught.value).startswith(f"{run / file} is damaged: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["Infinity", "NaN", "1e400", "-1", "1.5", "1" + "0" * 400, "true"]
)
def test_lines_of_a_stream_that_cannot_be_are_passed_over(value: str, tmp_path: Path) -> None:
    lines = [
        f'{{"env_steps": {value}, "wall_s": 1.0}}',
        f'{{"env_steps": 1, "wall_s": {"x" if value == "1.5" else value}}}',
        '{"env_steps": 2, "wall_s": 0.5, "rollout/return": NaN}',
    ]
    (tmp_path / STREAM).write_text("\n".join([*lines, ""]))
    assert [one.env_steps for one in read_stream(tmp_path)] == [2]


def test_a_damaged_run_does_not_hide_the_others(finished_run: Path, tmp_path: Path) -> None:
    run = changed(finished_run, tmp_path, "summary.json", ("env_steps",), "x")
    shutil.copytree(finished_run, run.with_name("1"))
    assert [entry.status for entry in list_runs(run.parent)] == ["completed", "damaged"]


@pytest.mark.parametrize("value", [None, True, 3, "", [], {"status": "RUNNING"}, "RUNNING"])
def test_a_record_of_another_type_is_no_sign_of_life(
    value: Any, finished_run: Path, tmp_path: Path
) -> None:
    run = changed(finished_run, tmp_path, "run.json", ("heartbeat",), value)
    assert read_run(run).status in ("completed", "damaged")


@pytest.fixture(scope="module")
def folder(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("typed")
    make_folder(made, finished_run)
    return made


def try_some(kind: str, folder: Path, number: int, seed: int) -> None:
    if kind == "dataset":
        pytest.importorskip("h5py", reason="the extra minari is not installed")
    with contextlib.chdir(folder), reading_alone():
        every = inputs(kind)
        for given in random.Random(seed).sample(every, min(number, len(every))):
            try:
                fault = tried(given)
            except Exception as error:
                raise AssertionError(str(given)) from error
            assert fault is None, str(given)


@pytest.mark.parametrize("kind", KINDS)
def test_any_value_in_a_file_is_used_or_refused_in_one_line(kind: str, folder: Path) -> None:
    try_some(kind, folder, 5, seed=0)


_STATE = ("body", "state", "dict")
_RECORD = (*_STATE, "history", 0, "dict")
_DEEP = [[["deep"]]]

FOUND = [
    ("sealed manifest", ("body", "tensors", "file"), REMOVED, "--dry-run resume with run=2"),
    ("sealed manifest", ("body", "rows"), None, "evaluate with run=2"),
    ("sealed manifest", ("body", "state"), [], "evaluate with run=2"),
    ("sealed manifest", (*_STATE, "agent"), None, "evaluate with run=2"),
    ("sealed manifest", (*_STATE, "versions", 0), 1.5, "resume with run=2"),
    ("sealed manifest", ("body", "tensors", "nbytes"), _DEEP, "resume with run=2"),
    ("sealed manifest", (*_STATE, "progress", "dict", "checkpoint_s"), [], "resume with run=2"),
    ("sealed manifest", (*_RECORD, "success_rate"), _DEEP, "resume with run=2"),
    ("study of variants", ("tasks", "short", "task"), _DEEP, None),
    ("sweep file", ("ranges", "num_envs", "step"), 0, None),
    ("history in a study", ("records", 1, "success_rate"), None, None),
    ("history in a study", ("metric",), "mean_score", None),
    ("sweep folder", ("preset",), "long " * 2_000, None),
]
"""Inputs that ended in a traceback, or in more than a line."""


@pytest.mark.parametrize(("kind", "at", "value", "line"), FOUND)
def test_what_was_found_stays_mended(
    kind: str, at: tuple[Any, ...], value: Any, line: str | None, folder: Path
) -> None:
    command = 0 if line is None else KINDS[kind].commands.index(line)
    with contextlib.chdir(folder), reading_alone():
        assert tried(Input(kind=kind, at=at, value=value, command=command)) is None


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_values_in_files_are_used_or_refused(kind: str, folder: Path) -> None:
    try_some(kind, folder, 650, seed=1)
