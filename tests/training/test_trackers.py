"""Experiment trackers get the numbers of the record, offline."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

import bnpo
from bnpo.errors import MissingExtra
from bnpo.training.callbacks import MLflow, WandB
from bnpo.types.history import History

SMALL: dict[str, Any] = {
    "total_steps": 200,
    "num_envs": 4,
    "eval_interval": 100,
    "eval_episodes": 2,
}


def trained(callback: Any) -> History:
    agent = bnpo.make_agent("ddpg_her", seed=0, agent={"gamma": 0.9})
    film = {"name": "film", "every": 200}
    return bnpo.train(agent, progress_bar=False, callbacks=[film, callback], **SMALL)


class Ledger:
    """Stands for the module wandb and for its run: keeps what it is told."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.lines: list[dict[str, Any]] = []
        self.finished = 0
        self.Video = self.Image = lambda path: Path(path).read_bytes()

    def init(self, **settings: Any) -> Ledger:
        self.settings = settings
        return self

    def define_metric(self, *_: Any, **__: Any) -> None:
        """Take what the steps are called."""

    def log(self, line: dict[str, Any]) -> None:
        self.lines.append(line)

    def finish(self) -> None:
        self.finished += 1


def test_wandb_is_told_settings_stream_evaluations_and_films(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = Ledger()
    monkeypatch.setitem(sys.modules, "wandb", ledger)
    history = trained(WandB(project="mine", mode="offline"))
    assert (ledger.settings["project"], ledger.settings["mode"]) == ("mine", "offline")
    assert ledger.settings["config"]["agent.gamma"] == 0.9
    assert ledger.settings["config"]["total_steps"] == 200
    told = [(one["env_steps"], one["rollout/episodes"]) for one in ledger.lines if len(one) > 6]
    assert told == [(one.env_steps, one.values["rollout/episodes"]) for one in history.training]
    returns = [one["evaluation/mean_return"] for one in ledger.lines if len(one) in (4, 5)]
    assert returns == [record.mean_return for record in history]
    (film,) = [one["pictures/policy"] for one in ledger.lines if "pictures/policy" in one]
    assert film.startswith(b"GIF8")
    assert ledger.finished == 1


def test_a_tracker_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name in ((WandB, "wandb"), (MLflow, "mlflow")):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(MissingExtra, match=rf"callbacks={name} needs .*bnpo\[{name}\]"):
            kind()


def test_mlflow_keeps_settings_stream_evaluations_and_films(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Client:
        """Stands for MLflow's client: keeps what it is told."""

        params: ClassVar[dict[str, str]] = {}
        metrics: ClassVar[list[tuple[str, float, int]]] = []
        artifacts: ClassVar[list[str]] = []
        ended: ClassVar[list[str]] = []

        def __init__(self, uri: str | None) -> None:
            assert uri == "file:store"

        def get_experiment_by_name(self, name: str) -> None:
            assert name == "mine"

        def create_experiment(self, name: str) -> str:
            return name

        def create_run(self, experiment: str) -> Any:
            return SimpleNamespace(info=SimpleNamespace(run_id=f"{experiment}-1"))

        def log_param(self, run: str, key: str, value: str) -> None:
            self.params[key] = value

        def log_metric(self, run: str, name: str, value: float, *, step: int) -> None:
            self.metrics.append((name, value, step))

        def log_artifact(self, run: str, path: str, folder: str) -> None:
            self.artifacts.append(f"{folder}/{Path(path).name}")

        def set_terminated(self, run: str) -> None:
            self.ended.append(run)

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=Client))
    history = trained(MLflow(experiment="mine", uri="file:store"))
    assert Client.params["agent.gamma"] == "0.9"
    wanted = [("evaluation/mean_return", one.mean_return, one.env_steps) for one in history]
    assert [one for one in Client.metrics if one[0] == "evaluation/mean_return"] == wanted
    assert Client.artifacts == ["pictures/policy-000000200.gif"]
    assert Client.ended == ["mine-1"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_real_mlflow_keeps_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow: Any = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "store").as_uri()
    history = trained(MLflow(uri=uri))
    client = mlflow.MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("bnpo").experiment_id])
    kept = client.get_metric_history(run.info.run_id, "evaluation/mean_return")
    assert [(one.step, one.value) for one in kept] == [
        (record.env_steps, record.mean_return) for record in history
    ]
    assert run.data.params["agent.gamma"] == "0.9"
    assert run.info.status == "FINISHED"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_real_wandb_keeps_a_run_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.chdir(tmp_path)
    trained(WandB(mode="offline"))
    assert [*tmp_path.glob("wandb/offline-run-*/*.wandb")]
