"""Datasets of somebody else: nothing that they name is called, and damage is told in one line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bnpo
from bnpo.compose.composition import compose
from bnpo.errors import OfflineError
from bnpo.presets import build_agent
from tests.interop.test_minari import foreign

h5py = pytest.importorskip("h5py", reason="the extra minari is not installed")

NAME = "from/elsewhere-v0"


@pytest.fixture
def data(store: Path) -> Path:
    """Return the folder of a dataset's files."""
    foreign(NAME, 10)
    return store / NAME / "data"


@pytest.fixture(scope="module")
def agent() -> bnpo.Agent:
    """Return an agent that could learn from it."""
    return build_agent(compose(["ddpg_her", "goal_reacher"], {}))


def refused(agent: bnpo.Agent) -> str:
    """Take a dataset over, after the checks of a dry run; return the one line that refuses it."""
    with pytest.raises(OfflineError) as caught:
        bnpo.from_minari(agent, NAME)
    assert "\n" not in str(caught.value)
    assert "elsewhere-v0" in str(caught.value)
    return str(caught.value)


def change(data: Path, **changes: Any) -> None:
    """Change the metadata; None takes a key away."""
    file = data / "metadata.json"
    held = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in held.items() if value is not None}))


CALLS: dict[str, dict[str, Any]] = {
    "entry point": {"entry_point": "os:mkdir", "kwargs": {"path": "EXECUTED"}},
    "vector entry point": {"vector_entry_point": "os:mkdir", "kwargs": {"path": "EXECUTED"}},
    "module": {"entry_point": "trap:Env"},
    "wrapper": {
        "additional_wrappers": [{"name": "x", "entry_point": "trap:Wrapper", "kwargs": {}}]
    },
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("missing", ["observation_space", "action_space", None])
def test_nothing_that_a_dataset_names_is_called(
    missing: str | None,
    call: str,
    data: Path,
    agent: bnpo.Agent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "trap.py").write_text("open('EXECUTED', 'w').close()")
    spec: dict[str, Any] = {"id": "trap:Trap-v0", "additional_wrappers": [], **CALLS[call]}
    change(data, env_spec=json.dumps(spec), eval_env_spec=json.dumps(spec))
    if missing:
        change(data, **{missing: None})
    if missing:
        assert f"does not tell its {missing}" in refused(agent)
    else:
        assert bnpo.from_minari(agent, NAME) == 80
    assert not (tmp_path / "EXECUTED").exists()
    assert "trap" not in sys.modules


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda whole: whole[: min(3000, len(whole) - 50)],
    "half": lambda whole: whole[: len(whole) // 2],
    "random": lambda _: os.urandom(5000),
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["main_data.hdf5", "metadata.json"])
def test_damaged_files_are_told(name: str, damage: str, data: Path, agent: bnpo.Agent) -> None:
    path = data / name
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert "is damaged" in refused(agent)


@pytest.mark.parametrize(
    "changes",
    [
        {"observation_space": 3},
        {"observation_space": "{}"},
        {"action_space": "[" * 3000},
        {"action_space": '{"type": "Box", "dtype": "object", "low": 0, "high": [], "shape": []}'},
        {"data_format": "exe"},
        {"total_episodes": 10**18},
        {"total_episodes": 99},
        {"total_episodes": "x"},
        {"dataset_id": 3},
        {"minari_version": "99.0"},
        {"env_spec": "{"},
    ],
)
def test_odd_metadata_are_told(changes: dict[str, Any], data: Path, agent: bnpo.Agent) -> None:
    change(data, **changes)
    refused(agent)


def replaced(file: Any, value: Any) -> None:
    del file["episode_0/rewards"]
    file["episode_0/rewards"] = value


CRAFTED: dict[str, Callable[[Any], None]] = {
    "external": lambda file: replaced(file, h5py.ExternalLink("/etc/passwd", "/")),
    "soft": lambda file: replaced(file, h5py.SoftLink("/episode_1/rewards")),
    "texts": lambda file: replaced(file, ["x"] * 10),
    "scalar": lambda file: replaced(file, 1.0),
    "matrix": lambda file: replaced(file, [[1.0, 2.0]] * 10),
    "absent": lambda file: file["episode_0"].__delitem__("observations"),
}


@pytest.mark.parametrize("craft", CRAFTED)
def test_crafted_episodes_are_told(craft: str, data: Path, agent: bnpo.Agent) -> None:
    with h5py.File(data / "main_data.hdf5", "a") as file:
        CRAFTED[craft](file)
    text = refused(agent)
    linked = craft in ("external", "soft")
    assert ("links 'episode_0/rewards'" if linked else "is damaged") in text


def test_a_store_that_cannot_be_made_is_told(
    agent: bnpo.Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "file" / "store"))
    assert "Not a directory" in refused(agent)
