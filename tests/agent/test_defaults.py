"""Settings that follow from a brain list and a task."""

from __future__ import annotations

import pytest

from bnpo import Agent
from tests.agent.conftest import likelihood_ratio, pathwise


def test_a_hybrid_on_a_sparse_task() -> None:
    """Turns every 30 steps: segments of 30, a discount that looks 10 steps ahead, bounds of -10."""
    brains = [likelihood_ratio(learning_delay=30), pathwise(credit="her", mean_only=True)]
    config = Agent.for_env("bnpo/GoalReacher-v0", brains).config
    assert config.max_steps == 30
    assert config.gamma == pytest.approx(0.9)
    assert config.target_bounds == pytest.approx((-10.0, 0.0))
    assert config.on_policy_share == 0.5
    assert 1.0 not in config.exploration
    assert config.networks.sigma == "global"


def test_one_rule_alone() -> None:
    """Without a likelihood-ratio brain a segment is an episode of 50 steps: 1 - 3/50."""
    brains = [pathwise(mean_only=True)]
    dense = {"reward_type": "dense"}
    config = Agent.for_env("bnpo/GoalReacher-v0", brains, env_kwargs=dense).config
    assert config.gamma == pytest.approx(0.94)
    assert config.target_bounds is None
    assert config.on_policy_share == 0.0
    assert config.networks.sigma == "fixed"
    alone = Agent.for_env("bnpo/GoalReacher-v0", [likelihood_ratio(learning_delay=50)]).config
    assert alone.exploration == (1.0,)
    assert alone.warmup_steps == 0


def test_a_likelihood_ratio_brain_that_leads_explores_by_its_own_sigma() -> None:
    """1e-3 x 10 steps every 60 vector steps are further than 1e-5 x 10 every 10."""
    brains = [
        likelihood_ratio(learning_delay=60, learning_repeat=10, lr_actor=1e-3),
        pathwise(mean_only=True, learning_delay=10, learning_repeat=10, lr_actor=1e-5),
    ]
    config = Agent.for_env("bnpo/GoalReacher-v0", brains).config
    assert config.exploration == (1.0,)
    assert config.on_policy_share == 0.0
    assert config.networks.sigma == "global"
    assert config.networks.critics == 2
    other = [brains[0], pathwise(mean_only=True, learning_delay=10, learning_repeat=10)]
    assert Agent.for_env("bnpo/GoalReacher-v0", other).config.on_policy_share == 0.5
