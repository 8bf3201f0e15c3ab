"""A vector of rewards: one critic output each, summed in what the actor climbs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from bnpo import Trainer
from bnpo.compose.composition import compose
from bnpo.presets import PRESETS, build_agent, build_train_config
from tests.agent.toys import MakeToy
from tests.presets.test_presets_learn import TRIALS


def _train(preset: str, make_toy: MakeToy) -> Trainer:
    """Train a preset on the toy that pays its sides apart."""
    trial = TRIALS[preset]
    brains = copy.deepcopy(PRESETS[preset]["brains"])
    for brain in brains.values():
        brain["learning_delay"] //= 5
        brain["lr_actor"] *= trial.lr
    agent: dict[str, Any] = {**PRESETS[preset]["agent"], **trial.agent}
    return make_toy(
        brains, agent, steps=trial.steps, total_steps=trial.total_steps, sides=True, **trial.env
    )


@pytest.mark.parametrize("preset", ["ppo", "ddpg_her"])
def test_a_preset_learns_from_a_vector_of_rewards(preset: str, make_toy: MakeToy) -> None:
    trainer = _train(preset, make_toy)
    assert trainer.agent.spec.reward_dim == 2
    assert trainer.run()[-1].mean_return >= TRIALS[preset].at_least


def test_every_output_of_the_critic_values_its_own_reward(make_toy: MakeToy) -> None:
    """For the goal 0, x ~ N(mu, 0.2) costs E[x^2; x < 0] by the first reward alone.

    E[x^2; x < 0] = (mu^2 + sigma^2) Phi(-mu/sigma) - mu sigma phi(mu/sigma): 0.129 at mu = -0.3 and
    0.13 - 0.129 at mu = 0.3. The critic knows them roughly: the policy is seldom there.
    """
    trainer = _train("ddpg", make_toy)
    trainer.run()
    agent = trainer.agent
    mu = torch.tensor([[-0.3], [0.3]])
    at_zero = agent.encoder(torch.zeros(2, 2), torch.zeros(2, 1))
    below, above = agent.critics[0].value(at_zero, mu, torch.full_like(mu, 0.2)).detach().T
    assert below[0] < -0.06
    assert below[1] > -0.03
    assert above[1] < -0.06
    assert above[0] > -0.03


def test_the_moving_reacher_paid_per_axis_trains() -> None:
    """Three rewards, relabelled with hindsight by one brain and summed by both."""
    config = compose(
        ["bpo", "moving_reacher"],
        {
            "num_envs": 4,
            "total_steps": 480,
            "eval_episodes": 1,
            "env_kwargs": {"reward_type": "per_axis", "episode_steps": 60},
            "agent.warmup_steps": 0,
            "brains.ddpg.learning_repeat": 4,
            "brains.ddpg.batch_size": 64,
            "brains.ddpg.optim_batch_size": 128,
            "agent.on_policy_share": 0.5,
            "brains.ppo.learning_delay": 60,
            "seed": 0,
        },
    )
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    try:
        trainer.run()
    finally:
        trainer.close()
    assert trainer.agent.spec.reward_dim == 3
    assert trainer.agent.spec.goals_move
    assert [getattr(b.credit.scheme, "moving", None) for b in trainer.agent.brains] == [None, True]
    assert {brain.gradient_steps > 0 for brain in trainer.agent.brains} == {True}
