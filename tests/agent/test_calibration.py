"""A critic's values against the returns of fresh rollouts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bnpo.agent.calibration import calibration, fresh_segments
from tests.agent.conftest import likelihood_ratio, make_trainer, pathwise, play

__all__ = ["make_trainer"]


def test_errors_by_hand(make_trainer: Any) -> None:
    """A critic that says c everywhere, on rewards of -1 with discount 1/2, segments of two steps.

    With a termination the returns are -1 - 1/2 = -1.5 and -1; with a time limit c goes on:
    -1.5 + c/4 and -1 + c/2. For c = -2 these are -2 and -2.
    """
    trainer = make_trainer(likelihood_ratio(), max_steps=10)
    play(trainer, 10)
    agent = trainer.agent
    with torch.no_grad():
        for parameter in agent.critics[0].parameters():
            parameter.zero_()
        agent.critics[0].head.bias.fill_(-2.0)
    segments = fresh_segments(agent.replay)
    assert segments is not None
    two = segments.replace(
        reward=torch.full_like(segments.reward, -1.0),
        length=torch.full_like(segments.length, 2),
        terminated=torch.ones_like(segments.terminated),
    )
    explained = calibration(agent.brains[0].step, two, 0.5)
    assert explained["value_error"].item() == pytest.approx(-0.75)  # -2 + 1.25
    assert explained["return_spread"].item() == pytest.approx(0.25)
    assert explained["explained_variance"].item() == pytest.approx(0.0, abs=1e-6)
    endless = two.replace(terminated=torch.zeros_like(two.terminated))
    explained = calibration(agent.brains[0].step, endless, 0.5)
    assert explained["value_error"].item() == pytest.approx(0.0, abs=1e-6)
    assert explained["value_spread"].item() == pytest.approx(0.0, abs=1e-6)


def test_only_what_the_policy_itself_did_is_fresh(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), exploration=(2.0,))
    play(trainer, 20)
    assert fresh_segments(trainer.agent.replay) is None
    half = make_trainer(pathwise(), exploration=(2.0,), on_policy_share=0.5)
    play(half, 20)
    segments = fresh_segments(half.agent.replay)
    assert segments is not None
    assert len(segments) == 4  # two environments, two segments each
