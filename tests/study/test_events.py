"""TensorBoard event files: the numbers of the record, also where a run went on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import bnpo
from bnpo.errors import CallbackError, MissingExtra
from bnpo.runs import read_stream
from tests.study.conftest import TINY, Command

WORDS = " ".join(f"{key}={str(value).replace(' ', '')}" for key, value in TINY.items())


def events(run: Path) -> Any:
    module = "tensorboard.backend.event_processing.event_accumulator"
    accumulator: Any = pytest.importorskip(module, reason="the extra tensorboard is missing")
    found = accumulator.EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0})
    found.Reload()
    return found


def scalars(run: Path, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(run).Scalars(name)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_event_files_hold_what_the_record_holds(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    assert command(f"with ddpg_her tensorboard=True video=every=40 {WORDS}")[0] == 0
    run = tmp_path / "runs" / "1"
    assert command("resume with run=1 total_steps=120")[0] == 0
    record = json.loads((run / "metrics.json").read_text())["mean_return"]
    assert record["steps"] == [40, 80, 120]
    figures = scalars(run, "evaluation/mean_return")
    assert [step for step, _ in figures] == [40, 80, 120]
    assert [value for _, value in figures] == pytest.approx(record["values"])
    stream = [one for one in read_stream(run) if "rollout/return" in one.values]
    told = scalars(run, "rollout/return")
    assert [step for step, _ in told] == [one.env_steps for one in stream]
    assert [value for _, value in told] == pytest.approx(
        [one.values["rollout/return"] for one in stream]
    )
    tags = events(run).Tags()
    assert "ddpg/critic_loss" in tags["scalars"]
    assert "time/env_steps_per_s" in tags["scalars"]
    films = events(run).Images("pictures/policy")
    assert [film.step for film in films] == [40, 80, 120]
    assert films[0].encoded_image_string.startswith(b"GIF8")
    assert (run / "pictures" / "policy-000000040.gif").read_bytes() == films[0].encoded_image_string


def test_no_event_files_unless_asked_for(command: Command, tmp_path: Path) -> None:
    assert command(f"with ddpg_her {WORDS} total_steps=40")[0] == 0
    assert not (tmp_path / "runs" / "1" / "tensorboard").exists()


def test_without_tensorboard_the_extra_is_named(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(module: str, extra: str, feature: str) -> None:
        raise MissingExtra(f"{feature} needs {module}: pip install 'bnpo[{extra}]'")

    monkeypatch.setattr("bnpo.training.callbacks.tensorboard.require", absent)
    status, output, errors = command("with ddpg_her tensorboard=True")
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert "bnpo[tensorboard]" in errors
    assert not [*tmp_path.iterdir()]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_from_python_a_folder_is_named(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    settings: dict[str, Any] = {"eval_interval": 40, "eval_episodes": 1, "progress_bar": False}
    agent = bnpo.make_agent("ddpg_her", seed=0)
    with pytest.raises(CallbackError, match="TensorBoard.folder = None"):
        bnpo.train(agent, 40, 4, callbacks=["tensorboard"], **settings)
    writer = {"name": "tensorboard", "folder": str(tmp_path / "mine")}
    bnpo.train(agent, 80, 4, callbacks=[writer], **settings)
    assert [*(tmp_path / "mine").glob("events.out.tfevents.*")]
