"""Damaged, truncated and crafted checkpoints: refused by name, and an older one is taken."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from bnpo.errors import CheckpointError
from bnpo.runs.checkpoint import digest, fitting, load_checkpoint, save_checkpoint
from bnpo.runs.checkpoint_folder import CheckpointFolder
from tests.faults.runs import assert_same_run, finish, said, train

KINDS = ("step-*.json", "state-*.safetensors", "replay-*.safetensors", "pool-*.safetensors")
"""Every kind of file that a checkpoint consists of."""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that ended at half of its way."""
    folder = tmp_path_factory.mktemp("stopped")
    assert finish([*train("goal_reacher"), "total_steps=700"], folder) == 0
    return folder


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    assert finish([*train("goal_reacher"), "total_steps=1000"], folder) == 0
    return folder / "runs" / "1"


def newest(checkpoints: Path, kind: str) -> Path:
    """The file of a kind that the newest checkpoint has and the one before has not."""
    if kind.endswith(".json"):
        return max(checkpoints.glob(kind))
    manifests = sorted(checkpoints.glob("step-*.json"), reverse=True)
    listed = [manifest.read_text() for manifest in manifests[:2]]
    return next(
        path
        for path in checkpoints.glob(kind)
        if path.name in listed[0] and path.name not in listed[1]
    )


def flip(content: bytes) -> bytes:
    """Change one bit in the middle."""
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGE = {
    "changed": flip,
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "missing": lambda _: None,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", KINDS)
def test_the_checkpoint_before_a_damaged_one_is_taken(
    kind: str, damage: str, stopped: Path, straight: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(stopped, tmp_path / "work")
    path = newest(folder / "runs" / "1" / "checkpoints", kind)
    content = DAMAGE[damage](path.read_bytes())
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    checkpoints = CheckpointFolder(path.parent)
    if damage == "missing" and kind.endswith(".json"):
        assert checkpoints.restore() is not None
        return
    with pytest.raises(CheckpointError, match=path.name):
        load_checkpoint(max(path.parent.glob("step-*.json")))
    restored = checkpoints.restore()
    assert restored is not None
    assert restored[1].name == "step-000000600.json"
    assert path.name in restored[2][0]
    if damage == "changed":
        assert finish(["resume", "with", "run=runs/1", "total_steps=1000"], folder) == 0
        assert "step-000000600.json is taken instead" in said(folder)
        assert path.name in said(folder)
        assert_same_run(folder / "runs" / "1", straight)


def test_nothing_is_touched_where_no_checkpoint_can_be_used(stopped: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(stopped, tmp_path / "work")
    run = folder / "runs" / "1"
    for path in run.glob("checkpoints/*.safetensors"):
        path.write_bytes(flip(path.read_bytes()))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    (folder / "said").unlink()
    assert finish(["resume", "with", "run=runs/1", "total_steps=1000"], folder) == 2
    assert said(folder).count("\n") == 1
    assert "step" in said(folder) or "state" in said(folder)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


class Payload:
    """What a pickle would run when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("name", ["step-000000700.json", "state", "last.pt"])
def test_a_crafted_pickle_does_not_run(name: str, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    with_torch = io.BytesIO()
    torch.save({"format": 2, "state": Payload(trace)}, with_torch)
    for crafted in (pickle.dumps(Payload(trace)), with_torch.getvalue()):
        folder = tmp_path / "checkpoints"
        shutil.rmtree(folder, ignore_errors=True)
        save_checkpoint(folder / "step-000000700.json", {"a": torch.ones(2)})
        path = next(folder.glob("state-*")) if name == "state" else folder / name
        if name == "last.pt":
            shutil.rmtree(folder)
            folder.mkdir()
        path.write_bytes(crafted)
        with pytest.raises(CheckpointError, match=path.name):
            CheckpointFolder(folder).restore()
        with pytest.raises(CheckpointError, match=path.name):
            CheckpointFolder(folder).check()
        assert not trace.exists()
    pickle.loads(pickle.dumps(Payload(trace)))
    assert trace.exists(), "the payload would have run"


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "state-0.safetensors/../x"])
def test_a_manifest_cannot_lead_out_of_its_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path / "step-000000001.json"
    save_checkpoint(path, {"a": torch.ones(2)})
    content = json.loads(path.read_text())
    content["body"]["tensors"]["file"] = name
    content["sha256"] = digest(content["body"])
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="no name of its own"):
        load_checkpoint(path)


@pytest.mark.parametrize("version", [1, 3, "2", None])
def test_another_format_is_refused(version: object, tmp_path: Path) -> None:
    path = tmp_path / "step-000000001.json"
    save_checkpoint(path, {"a": 1})
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format": version}))
    with pytest.raises(CheckpointError, match=r"step-000000001.json has format .* reads 2"):
        load_checkpoint(path)


def test_what_is_saved_comes_back_as_it_was(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    state: dict[str, Any] = {
        "tuple": (1, (2.5, None), "x"),
        "numbers": {0: {"step": torch.tensor(3)}, 1: {}},
        "odd": [float("inf"), -0.0, 2**200, True],
        "tensors": [shared[2:4], shared, torch.zeros(0, 3), torch.ones(2, dtype=torch.bool)],
    }
    save_checkpoint(tmp_path / "one.json", state)
    again = load_checkpoint(tmp_path / "one.json")
    assert again["tuple"] == state["tuple"]
    assert list(again["numbers"]) == [0, 1]
    assert again["odd"] == state["odd"]
    assert str(again["odd"][1]) == "-0.0"
    for one, other in zip(again["tensors"], state["tensors"], strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


def test_a_state_of_another_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """What earlier versions called otherwise is missing from the state that is read."""
    words = (
        r"does not fit its run: it holds no 'brains', .* resume it with the version that wrote it"
    )
    state: dict[str, Any] = {"learners": {}}
    with pytest.raises(CheckpointError, match=words), fitting(tmp_path / "step-000000800.json"):
        assert state["brains"]
