"""Callbacks: what they are told and when, what they may do, and what becomes of their mistakes."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bnpo
from bnpo import Agent, Callback
from bnpo.compose.overrides import as_overrides
from bnpo.errors import CallbackError, ConfigError
from bnpo.runs import load_summary, read_stream
from bnpo.study.plan import StudyPlan
from bnpo.training.callbacks import EarlyStopping, TrainingRun
from bnpo.training.callbacks.dispatch import NAMES, callback_of, checked
from bnpo.types.callback import HOOKS
from bnpo.types.history import History, Record
from tests.experiment.conftest import TINY, Command

QUIET: dict[str, Any] = {"progress_bar": False}


def tiny_agent() -> Agent:
    words = [word.split("=") for word in TINY]
    return bnpo.make_agent("bpo", seed=0, **{key: json.loads(value) for key, value in words})


class Counting(Callback):
    """Counts the calls of every hook."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.told: dict[str, Any] = {}


def _count(hook: str) -> Any:
    def method(self: Counting, run: Any, *told: Any) -> None:
        self.calls[hook] += 1
        self.told[hook] = told
        if hook == "on_step":
            run.log("mine", run.agent.env_steps)

    return method


for one in HOOKS:
    setattr(Counting, one, _count(one))


def test_every_hook_is_called_as_often_as_it_says() -> None:
    counting = Counting()
    history = bnpo.train(tiny_agent(), callbacks=[counting], **QUIET)
    calls = counting.calls
    # 400 steps of 4 environments are 100 vector steps; all episodes have 10 steps, so that every
    # tenth step ends four; an evaluation every 200 steps, a line for a tenth of that.
    assert calls["on_step"] == 100
    assert calls["on_rollout"] == 10
    assert calls["on_scalars"] == len(history.training) == 20
    assert calls["on_evaluation"] == calls["on_evaluation_start"] == len(history) == 2
    assert calls["on_checkpoint"] == 2
    assert calls["on_start"] == calls["on_end"] == 1
    assert calls["on_picture"] == 0
    assert 0 < calls["on_turn"] <= 100
    (episodes,) = counting.told["on_rollout"]
    assert episodes.lengths.tolist() == [10.0] * 4
    assert (episodes.returns >= -10.0).all()
    assert set(episodes.success) <= {0.0, 1.0}
    assert np.isnan(episodes.score).all()
    # The mean of what was logged at steps 384, 388, ... 400.
    assert history.training[-1].values["callbacks/mine"] == pytest.approx(
        np.mean([*range(384, 401, 4)])
    )
    assert history.training_frame()["env_steps"].tolist() == [*range(20, 401, 20)]


def test_a_callback_changes_no_number() -> None:
    agents = [tiny_agent(), tiny_agent()]
    bnpo.train(agents[0], **QUIET)
    film = {"name": "film", "every": 200}
    bnpo.train(agents[1], callbacks=[Counting(), "early_stopping", film], **QUIET)
    first, second = (agent.actor.state_dict() for agent in agents)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_callback_needs_no_import_and_ends_the_run() -> None:
    class Half:
        def on_step(self, run: TrainingRun) -> None:
            if run.agent.env_steps >= 200:
                run.request_stop("enough")

    agent = tiny_agent()
    bnpo.train(agent, callbacks=[Half()], **QUIET)
    assert agent.env_steps == 200
    bnpo.train(agent, **QUIET)
    assert agent.env_steps == 400


class Broken(Callback):
    """Raises in its third step."""

    def on_step(self, run: TrainingRun) -> None:
        """Raise."""
        if run.agent.env_steps == 12:
            raise ZeroDivisionError("division by zero")


def test_a_mistake_ends_the_run_or_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    agent, counting = tiny_agent(), Counting()
    with pytest.raises(CallbackError) as caught:
        bnpo.train(agent, callbacks=[Broken(), counting], **QUIET)
    text = "callback Broken.on_step at 12 steps: ZeroDivisionError: division by zero"
    assert str(caught.value) == text
    assert counting.calls["on_end"] == 1
    agent = tiny_agent()
    bnpo.train(agent, callbacks=[Broken()], on_callback_failure="continue", **QUIET)
    assert agent.env_steps == 400
    assert [one for one in caplog.messages if text in one] == [
        f"{text}; the run goes on without it"
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("early_stoping", ["'early_stoping'", "did you mean 'early_stopping'"]),
        ("os:mkdir", ["'os:mkdir' is no callback", "on_step"]),
        ("nowhere:Thing", ["cannot be imported", "nowhere"]),
        (f"{__name__}:Brken", ["did you mean 'Broken'"]),
        ({"name": "early_stopping", "patence": 3}, ["patence", "did you mean 'patience'"]),
        ({"name": f"{__name__}:Broken", "loud": 1}, ["cannot be made", "loud"]),
        ({"patience": 3}, ["None"]),
    ],
)
def test_what_is_no_callback_is_told_in_one_line(spec: Any, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        callback_of(spec)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_misspelt_hook_is_refused() -> None:
    class Misspelt(Callback):
        def on_evaluaton(self, run: TrainingRun, record: Record) -> None:
            pass

    with pytest.raises(ConfigError, match=r"on_evaluaton.* did you mean 'on_evaluation'"):
        checked(Misspelt())


def test_early_stopping_waits_for_so_many_evaluations_that_are_no_better() -> None:
    class Run:
        history = History(metric="mean_return")
        reason: str | None = None

        def request_stop(self, reason: str) -> None:
            self.reason = reason

    run: Any = Run()
    stopping = EarlyStopping(patience=2, min_delta=0.5)
    # The best is -3 at 200; -2.6 is better by less than 0.5, so two follow that are no better.
    for number, value in enumerate((-4.0, -3.0, -2.6, -2.7), 1):
        assert run.reason is None
        figures: dict[str, Any] = {"gradient_steps": 0, "wall_s": 0.0, "episodes": 1}
        figures |= {"success_rate": None, "mean_return": value, "mean_length": 1.0}
        record = Record(env_steps=100 * number, **figures)
        run.history.append(record)
        stopping.on_evaluation(run, record)
    assert run.reason == "mean_return was no better than -3 at 200 steps in 2 evaluations"
    with pytest.raises(ConfigError, match="success_rate"):
        EarlyStopping(metric="success_rate").on_evaluation(run, record)


MODULE = """
import numpy as np

class Loud:
    def __init__(self, scale=1.0):
        self.scale = scale
        self.said = False

    def on_evaluation(self, run, record):
        run.log("loud/steps", self.scale * record.env_steps)
        run.log_picture("noise", np.zeros((4, 6, 3), np.uint8))


class Failing:
    def on_evaluation(self, run, record):
        raise RuntimeError("no more")
"""


@pytest.fixture
def own(own_module: Callable[[str, str], str]) -> str:
    """Return the name of the module."""
    return own_module("own_callbacks_of_a_test", MODULE)


def test_a_run_has_callbacks_by_name_and_keeps_them(
    own: str, command: Command, tmp_path: Path
) -> None:
    callbacks = f"callbacks=[{{'name':'{own}:Loud','scale':0.5}},'early_stopping']"
    assert command(f"with bpo TINY video=off {callbacks}")[0] == 0
    run = tmp_path / "runs/1"
    kept = json.loads((run / "config.json").read_text())["callbacks"]
    assert kept == [{"name": f"{own}:Loud", "scale": 0.5}, "early_stopping"]
    # What is logged at an evaluation, at 200 and 400 steps, is in the line after it.
    lines = [one for one in read_stream(run) if "loud/steps" in one.values]
    assert [(one.env_steps, one.values["loud/steps"]) for one in lines] == [(220, 100.0)]
    assert command("resume 1 total_steps=600")[0] == 0
    lines = [one for one in read_stream(run) if "loud/steps" in one.values]
    assert [one.env_steps for one in lines] == [220, 420]
    pictures = sorted(path.name for path in (run / "pictures").iterdir())
    assert pictures == [f"noise-{steps:09d}.png" for steps in (200, 400, 600)]
    assert command("runs")[0] == 0


def test_a_callback_that_raises_ends_a_run_in_one_line(
    own: str, command: Command, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    status, _, errors = command(f"with bpo TINY video=off callbacks=['{own}:Failing']")
    assert status == 1
    (line,) = [one for one in errors.splitlines() if one.startswith("bnpo: error")]
    assert "callback Failing.on_evaluation at 200 steps: RuntimeError: no more" in line
    assert load_summary(tmp_path / "runs/1").status == "failed"
    assert "RuntimeError" in (tmp_path / "runs/1/run.json").read_text()
    on = f"on_callback_failure=continue callbacks=['{own}:Failing']"
    assert command(f"with bpo TINY video=off {on}")[0] == 0
    assert [one for one in caplog.messages if "the run goes on without it" in one]


def test_a_study_takes_callbacks_as_names_and_as_objects(own: str) -> None:
    changes = {"callbacks": [EarlyStopping(patience=3), f"{own}:Loud"]}
    (job,) = StudyPlan(presets={"mine": {"preset": "ddpg_her", **changes}}, seeds=1).jobs()
    first, second = job.run.train.callbacks
    assert callback_of(first) == EarlyStopping(patience=3)
    assert second == f"{own}:Loud"

    class Hidden(Callback):
        pass

    with pytest.raises(ConfigError, match="callbacks: Hidden .* put it into a module"):
        as_overrides({"callbacks": [Hidden()]})


def test_every_callback_of_the_package_is_what_its_name_says() -> None:
    for target in NAMES.values():
        module, _, name = target.partition(":")
        assert issubclass(getattr(importlib.import_module(module), name), Callback)
