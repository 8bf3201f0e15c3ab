"""How turns are divided between brains."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from bnpo.agent.arbiter import BLOCK
from bnpo.agent.brain import TurnReport
from bnpo.errors import ConfigError
from tests.agent.conftest import likelihood_ratio, make_trainer, pathwise, play

__all__ = ["make_trainer"]

HYBRID = {"on_policy_share": 0.5}


def _pair(make: Any, **config: Any) -> Any:
    return make(likelihood_ratio(), pathwise(credit="her"), **HYBRID, **config)


def _report(steps: int, **info: float) -> TurnReport:
    return TurnReport(gradient_steps=steps, info=info)


def test_fixed_gives_every_turn_whole(make_trainer: Any) -> None:
    trainer = _pair(make_trainer)
    play(trainer, 20)
    assert {info["trust_share"] for info in trainer.progress.turns.values()} == {1.0}


def test_annealed_hands_over_from_the_pathwise_brain(make_trainer: Any) -> None:
    """Half of the way to a floor of 0.2: 1 - 0.5 * 0.8 = 0.6, and 0.2 + 0.5 * 0.8 = 0.6."""
    arbiter = _pair(make_trainer, trust="annealed", trust_floor=0.2, trust_steps=100).agent.arbiter
    shares = [[arbiter.share(index, steps) for index in (0, 1)] for steps in (0, 50, 100, 900)]
    assert shares == [
        pytest.approx(one) for one in ([0.2, 1.0], [0.6, 0.6], [1.0, 0.2], [1.0, 0.2])
    ]


def test_effective_samples_leave_the_rest_to_the_pathwise_brain(make_trainer: Any) -> None:
    agent = _pair(make_trainer, trust="effective_sample_size").agent
    table = agent.replay
    agent.arbiter.after_turns(table, {"ppo": _report(4, effective_sample_share=0.7)})
    assert [agent.arbiter.share(index, 0) for index in (0, 1)] == pytest.approx([0.7, 0.3])
    agent.arbiter.after_turns(table, {"ppo": _report(4, effective_sample_share=0.99)})
    assert agent.arbiter.share(1, 0) == pytest.approx(0.1)  # the floor


def test_progress_favours_the_brain_after_whose_turns_returns_rose(make_trainer: Any) -> None:
    """Returns rise by 8 in blocks of the second brain and stay in those of the first."""
    agent = _pair(make_trainer, trust="progress", trust_floor=0.05).agent
    arbiter, table = agent.arbiter, agent.replay
    favoured, level = [], 0.0
    for _ in range(40):
        second = arbiter.share(1, 0) == 1.0 and arbiter.share(0, 0) < 1.0
        favoured.append(second)
        level += 8.0 if second else 0.0
        arbiter.note_returns([level] * 4)
        for _ in range(BLOCK):
            arbiter.after_turns(table, {"ppo": _report(2), "ddpg": _report(2)})
    assert not favoured[0]
    assert 25 < sum(favoured[5:]) <= 35  # nearly all of the later blocks, the floor aside
    share = min(arbiter.share(0, 0), arbiter.share(1, 0))
    assert share == pytest.approx(0.05)


@pytest.mark.parametrize("trust", ["progress", "calibration", "effective_sample_size", "annealed"])
def test_a_run_with_an_arbiter_goes_on_from_its_state(trust: str, make_trainer: Any) -> None:
    straight, resumed = (_pair(make_trainer, trust=trust) for _ in range(2))
    play(straight, 60)
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    for trainer in (straight, resumed):
        play(trainer, 60)
    ours, theirs = (
        parameters_to_vector(one.agent.actor.parameters()) for one in (straight, resumed)
    )
    assert torch.equal(ours, theirs)


def test_what_an_arbiter_lacks_is_told(make_trainer: Any) -> None:
    with pytest.raises(ConfigError, match=r"agent.trust = 'progress' with one brain, 'ddpg'"):
        make_trainer(pathwise(), trust="progress")
    with pytest.raises(ConfigError, match="without rollouts of the policy itself"):
        make_trainer(pathwise(), pathwise(), trust="progress", exploration=(0.5, 2.0))
