"""Every preset learns a toy with a known optimum, in about a second.

The brains are the presets' own but for two things that belong to the toy: 40 environments instead
of 8, so a turn every tenth step sees the same 400 transitions, and larger steps of the actors that
learn from rollouts alone, which have 25 to 50 turns here and hundreds elsewhere.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest

from bnpo.presets import PRESETS
from tests.agent.toys import MakeToy


@dataclass(frozen=True)
class Trial:
    """A preset on a form of the toy, and what it must reach."""

    total_steps: int
    at_least: float
    """Mean return; the untrained policy has -0.21 per step, or -0.9 where rewards are sparse."""
    steps: int = 1
    lr: float = 1.0
    agent: dict[str, Any] = field(default_factory=dict)
    env: dict[str, Any] = field(default_factory=dict)


BANDIT = Trial(20_000, -0.02, lr=3.0)
"""Best is 0."""

POINT = Trial(20_000, -0.07, steps=3, lr=3.0)
"""Best is -E[(|g| - 0.5)^2; |g| > 0.5] = -0.011, since the first step is 0.5 long at most."""

EPOCHS = Trial(10_000, -0.02, lr=5.0)

MOVING = Trial(8_000, -0.1, steps=4, lr=5.0, env={"drift": 0.1})
"""A goal that moves 0.1 a step is reached by the second step at the latest: best above -0.04."""

SPARSE = Trial(3_000, -0.1, env={"sparse": True}, agent={"target_bounds": [-1.0, 0.0]})

HINDSIGHT = dataclasses.replace(SPARSE, total_steps=2_000)

TWIN = Trial(3_000, -0.03)

TRIALS = {
    "vpg_simple": BANDIT,
    "vpg_rtg": POINT,
    "vpg_constant": BANDIT,
    "vpg_baseline": POINT,
    "vpg_q": Trial(20_000, -0.06),  # no baseline: the noisiest
    "a2c": BANDIT,
    "a2c_kstep": POINT,
    "npg": Trial(8_000, -0.02),
    "trpo": Trial(24_000, -0.02),
    "trpo_soft": EPOCHS,
    "ppo": EPOCHS,
    "ppo_kl": EPOCHS,
    "ppo_nofs": Trial(10_000, -0.07, steps=3, lr=5.0),
    "ppo_fs": Trial(10_000, -0.07, steps=3, lr=5.0),
    "ppo_her_shift": MOVING,
    "ppo_her_shift_sampled": MOVING,
    "ppo_her_shift_realigned": MOVING,
    "ppo_pair": EPOCHS,
    "is_return": Trial(20_000, -0.02),
    "reppo": Trial(10_000, -0.02),
    "ipg": EPOCHS,
    "ddpg": Trial(6_000, -0.03),
    "sac": TWIN,
    "sac_her": HINDSIGHT,
    "td3": TWIN,
    "td3_her": HINDSIGHT,
    "da_ac": TWIN,
    "awr": Trial(6_000, -0.04),
    "awr_her": HINDSIGHT,
    "ddpg_her": SPARSE,
    "bpo": SPARSE,
    "bpo_crossed": SPARSE,
    "bpo_shared": SPARSE,
    "rewheeler": SPARSE,
    "rewheeler_swap": SPARSE,
    "bnpo": SPARSE,
    "bpo_ir": SPARSE,
    "bpo_per": SPARSE,
}


ELSEWHERE = {"gps", "self_play"}
"""Presets that the toy cannot hold: it is no simulator that could be linearised, and no game of two
sides."""


def test_every_preset_has_its_trial() -> None:
    assert set(TRIALS) == set(PRESETS) - ELSEWHERE


@pytest.mark.parametrize("preset", TRIALS)
def test_preset_learns(preset: str, make_toy: MakeToy) -> None:
    trial = TRIALS[preset]
    brains = copy.deepcopy(PRESETS[preset]["brains"])
    for brain in brains.values():
        brain["learning_delay"] //= 5
        brain["lr_actor"] *= trial.lr
    trainer = make_toy(
        brains,
        {**PRESETS[preset]["agent"], **trial.agent},
        steps=trial.steps,
        total_steps=trial.total_steps,
        **trial.env,
    )
    before = trainer.evaluator.run().mean_return
    assert before < 2 * trial.at_least
    assert trainer.run()[-1].mean_return >= trial.at_least
