"""Inputs of another type: one field of one file is removed or replaced, and a command reads it."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.faults.reading import outcome
from tests.faults.typed_files import KINDS

REMOVED = "<removed>"
"""Stands for a field that is not there."""

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, float("inf"), 1.5, "", "x", [], {}),
    *("long " * 2_000, [[[[[["deep"]]]]]], "NaN", "b'\x00\udcff\x1b[31m'", 10**30, REMOVED),
)
"""What a field is replaced by."""

Path_ = tuple[Any, ...]


def places(content: Any, at: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of every field; of a list, those of its first and of its last item."""
    if isinstance(content, Mapping):
        keys: list[Any] = list(content)
    elif isinstance(content, list) and content:
        keys = sorted({0, len(content) - 1})
    else:
        return
    for key in keys:
        yield (*at, key)
        yield from places(content[key], (*at, key))


def replaced(content: Any, at: Path_, value: Any) -> Any:
    """Return a content with the value at a path replaced or removed."""
    made = copy.deepcopy(content)
    place = made
    for key in at[:-1]:
        place = place[key]
    if value == REMOVED:
        del place[at[-1]]
    else:
        place[at[-1]] = value
    return made


@dataclass(frozen=True, kw_only=True)
class Input:
    """One changed file and a command that reads it."""

    kind: str
    at: Path_
    value: Any
    command: int

    @property
    def line(self) -> str:
        """The command line."""
        return KINDS[self.kind].commands[self.command]

    def __str__(self) -> str:
        """Name the input in one line."""
        place = ".".join(map(str, self.at))
        return f"{self.kind}: {place} = {str(self.value)[:30]!r}, bnpo {self.line}"


def content_of(kind: str) -> Any:
    """Return the unchanged content of a file."""
    path = Path(KINDS[kind].file)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)


def text_of(content: Any, suffix: str) -> str:
    """Return a content as a file with that ending holds it."""
    if suffix == ".jsonl":
        return "".join(json.dumps(line) + "\n" for line in content)
    return yaml.dump(content) if suffix == ".yaml" else json.dumps(content)


def inputs(kind: str) -> list[Input]:
    """Return every input of a kind; the folder of :func:`make_folder` is the working folder."""
    return [
        Input(kind=kind, at=at, value=value, command=command)
        for at in places(content_of(kind))
        for value in VALUES
        for command in range(len(KINDS[kind].commands))
    ]


def tried(given: Input) -> str | None:
    """Try an input in the working folder; return what is wrong with the outcome, if anything."""
    kind = KINDS[given.kind]
    path = Path(kind.file)
    content = replaced(content_of(given.kind), given.at, given.value)
    if kind.seal is not None:
        kind.seal(content)
    before = {file: file.read_bytes() for file in _written(given)}
    before[path] = path.read_bytes()
    try:
        path.write_text(text_of(content, path.suffix), encoding="utf-8")
        found = outcome(given.line)
    finally:
        for file, there in before.items():
            file.write_bytes(there)
        shutil.rmtree("scratch", ignore_errors=True)
    if kind.lists_all and given.line.startswith("runs") and "completed" not in found.output:
        return "the other runs are not listed"
    if found.raised is not None:
        raise found.raised
    return found.fault()


def _written(given: Input) -> list[Path]:
    """Files that a command may change."""
    if given.line.startswith("resume"):
        return [*Path("runs/2").glob("*.json*")]
    return [*Path("sweeps").glob("*/*.json")] if given.line.startswith("sweep") else []
