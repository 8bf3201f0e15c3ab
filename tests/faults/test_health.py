"""Numbers that are not finite end a run by name; what is unhealthy is told with a remedy."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bnpo.agent.bounds import require_finite_turn
from bnpo.agent.brain import Brain
from bnpo.envs.reacher.goal_reacher import GoalReacherVectorEnv
from bnpo.envs.rollout import require_finite
from bnpo.errors import Diverged
from bnpo.experiment import main
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.training.monitor import HEALTHY, Monitor
from tests.experiment.conftest import TINY

LINE = ["with", "bpo", "goal_reacher", *TINY, "checkpoint_interval=100"]


def spoil_environment(spoil: Callable[..., None]) -> Callable[[pytest.MonkeyPatch], None]:
    """Let the training environments spoil what they return from the 75th step on."""
    real = GoalReacherVectorEnv.step

    def install(patch: pytest.MonkeyPatch) -> None:
        taken = [0]

        def step(self: GoalReacherVectorEnv, actions: Any) -> Any:
            result = real(self, actions)
            taken[0] += 1
            if taken[0] >= 75:
                spoil(*result)
            return result

        patch.setattr(GoalReacherVectorEnv, "step", step)

    return install


def spoil_learning(quantity: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Let a parameter of a network become infinite at a late turn of the brain ddpg."""
    real = Brain.round

    def install(patch: pytest.MonkeyPatch) -> None:
        def round_(self: Brain, *args: Any) -> Any:
            result = real(self, *args)
            if self.name == "ddpg" and self.rounds >= 2:
                network = getattr(self.step.networks, quantity)
                with torch.no_grad():
                    next(network.parameters()).view(-1)[0] = float("inf")
            return result

        patch.setattr(Brain, "round", round_)

    return install


def _reward(_: Any, reward: Any, *__: Any) -> None:
    reward[2] = np.nan


def _observation(shown: Any, *_: Any) -> None:
    shown["observation"][1, 0] = np.inf


def _goal(shown: Any, *_: Any) -> None:
    shown["desired_goal"][3, 1] = -np.inf


@pytest.mark.parametrize(
    ("install", "words"),
    [
        (spoil_environment(_reward), ["environment 2: reward = nan"]),
        (spoil_environment(_observation), ["environment 1: observation = inf"]),
        (spoil_environment(_goal), ["environment 3: desired_goal = -inf"]),
        (spoil_learning("actor"), ["brain 'ddpg'", "at environment step"]),
        (spoil_learning("critic"), ["brain 'ddpg'", "at environment step"]),
    ],
)
def test_a_run_ends_by_name_and_keeps_its_last_good_checkpoint(
    install: Callable[[pytest.MonkeyPatch], None],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    install(monkeypatch)
    assert main(LINE) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "bnpo: error" in line]
    assert len(errors) == 1
    for word in [*words, "its last checkpoint is"]:
        assert word in errors[0]
    record = json.loads((tmp_path / "runs/1/run.json").read_text())
    assert record["status"] == "FAILED"
    assert "Diverged" in "".join(record["fail_trace"])
    assert json.loads((tmp_path / "runs/1/summary.json").read_text())["status"] == "failed"
    restored = CheckpointFolder(tmp_path / "runs/1/checkpoints").restore()
    assert restored is not None
    for tensor in restored[0]["agent"]["actor"].values():
        assert tensor.isfinite().all()


def test_finite_arrays_pass_with_their_range() -> None:
    assert require_finite("reward", np.array([-1.0, 2.0]), 5) == (-1.0, 2.0)
    with pytest.raises(Diverged, match="environment 1: reward = nan at environment step 5"):
        require_finite("reward", np.array([-1.0, np.nan]), 5)


def test_the_parameter_that_is_not_finite_is_named() -> None:
    networks: Any = SimpleNamespace(
        actor=torch.nn.Linear(2, 2), critic=torch.nn.Linear(2, 1), encoder=torch.nn.Identity()
    )
    require_finite_turn("b", {}, networks, 7)
    with torch.no_grad():
        networks.critic.bias[0] = float("nan")
    with pytest.raises(Diverged, match=r"brain 'b': parameter critic.bias = nan .* step 7"):
        require_finite_turn("b", {}, networks, 7)


def watching(*, pathwise: bool, gradient_steps: int = 100) -> Monitor:
    rule = SimpleNamespace(pathwise=pathwise)
    brain = SimpleNamespace(
        name="b",
        step=SimpleNamespace(rule=rule),
        gradient_steps=gradient_steps,
        description=SimpleNamespace(batch_size=100, learning_repeat=10),
    )
    agent: Any = SimpleNamespace(brains=[brain], env_steps=12_000)
    return Monitor(agent)


@pytest.mark.parametrize("healthy", HEALTHY, ids=lambda healthy: healthy.quantity)
def test_a_warning_names_brain_quantity_and_remedy_once(
    healthy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bad = 2 * healthy.high if np.isfinite(healthy.high) else healthy.low / 2
    good = healthy.high / 2 if np.isfinite(healthy.high) else healthy.low * 2
    name = healthy.quantity
    logging.getLogger("bnpo").propagate = True
    monitor = watching(pathwise=False)
    with caplog.at_level("WARNING", logger="bnpo.health"):
        for value in (bad, bad, good, bad):  # never three times in a row
            monitor.judge("b", {name: value})
        assert not caplog.messages
        assert not monitor.complaints()
        for value in (bad, bad, bad):
            monitor.judge("b", {name: value})
    assert len(caplog.messages) == 1
    assert monitor.complaints() == [
        f"brain 'b': {name} left its range at 6 of 7 looks, from 12,000 to 12,000 steps"
    ]
    for words in ("brain 'b'", healthy.quantity, "12,000", healthy.remedy):
        assert words in caplog.messages[0]
    caplog.clear()
    pathwise = watching(pathwise=True)
    for _ in range(3):
        pathwise.judge("b", {name: bad})
    assert bool(caplog.messages) is not healthy.ratio
    caplog.clear()
    warming_up = watching(pathwise=False, gradient_steps=99)  # of the tenth turn of ten steps
    for _ in range(3):
        warming_up.judge("b", {name: bad})
    assert not caplog.messages
    assert not warming_up.complaints()


def test_every_brain_tells_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(LINE) == 0
    history = json.loads((tmp_path / "runs/1/history.json").read_text())["records"]
    for brain in ("ppo", "ddpg"):
        figures = history[-1]["brains"][brain]
        for name in (
            *("effective_sample_size", "kl_behaviour", "q_mean", "q_low", "q_high"),
            *("q_out_of_bounds", "actor_gradient_norm", "critic_gradient_norm"),
        ):
            assert np.isfinite(figures[name]), name
        assert figures["q_low"] <= figures["q_mean"] <= figures["q_high"]
    assert "clip_fraction" in history[-1]["brains"]["ppo"]
