"""The profile of a run: every section is counted, and nothing but the time is changed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bnpo import Trainer
from bnpo.compose.composition import compose
from bnpo.compose.overrides import as_overrides, parse
from bnpo.experiment.profiling import SECTIONS, Profile
from bnpo.presets import build_agent, build_train_config
from tests.experiment.conftest import TINY, Command


def _trained(profiled: bool, compile_steps: str = "off") -> tuple[Any, Profile]:
    updates = as_overrides(parse(TINY)[1]) | {"agent.compile": compile_steps}
    config = compose(["bpo", "goal_reacher"], updates)
    agent = build_agent(config)
    trainer = Trainer(agent, build_train_config(config), progress_bar=False)
    profile = Profile(trainer)
    if profiled:
        with profile.watching():
            trainer.run()
    else:
        trainer.run()
    trainer.close()
    return agent, profile


@pytest.mark.parametrize("compile_steps", ["off", "auto"])
def test_a_profiled_run_finds_the_same_numbers(compile_steps: str) -> None:
    before = torch.autograd.grad
    agent, profile = _trained(profiled=True, compile_steps=compile_steps)
    other, _ = _trained(profiled=False, compile_steps=compile_steps)
    assert torch.autograd.grad is before
    for a, b in zip(agent.actor.parameters(), other.actor.parameters(), strict=True):
        assert torch.equal(a, b)
    assert set(profile.seconds) == set(SECTIONS)
    nothing = {name for name, seconds in profile.seconds.items() if not seconds > 0}
    compiled = all(brain.steps is not brain.step for brain in agent.brains)
    assert nothing == ({"backward", "optimizer"} if compiled else {"steps"})


def test_nested_calls_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    _, profile = _trained(profiled=False)
    monkeypatch.setattr(profile, "now", lambda: float(next(clock)))
    inner = profile.timed(lambda: None, "backward")
    outer = profile.timed(inner, "forward")
    whole = profile.timed(inner, "evaluation")
    profile.since = profile.now()  # 0
    outer()  # forward from 1, backward from 2 to 3, forward to 4
    whole()  # evaluation from 5 to 6
    assert profile.seconds["forward"] == 2
    assert profile.seconds["backward"] == 1
    assert profile.seconds["evaluation"] == 1
    assert profile.seconds["rest"] == 2


def test_the_command_prints_shares(command: Command) -> None:
    status, output, _ = command("profile with bpo goal_reacher TINY")
    assert status == 0
    shares = [float(line.split()[2].rstrip("%")) for line in output.splitlines()[1:-1]]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert output.splitlines()[-1].startswith("total")


def test_bad_input_is_told_in_one_line(command: Command) -> None:
    status, _, errors = command("profile with bpo goal_reacher num_envs=0")
    assert status == 2
    assert "num_envs" in errors
    assert len(errors.splitlines()) == 1
