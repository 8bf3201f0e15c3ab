"""Any configuration trains with finite numbers, or is refused by name."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from bnpo.compose.composition import compose_run
from bnpo.compose.overrides import Overrides, parse
from bnpo.compose.validation import validate
from bnpo.errors import ConfigError, Diverged
from bnpo.training import Trainer
from tests.experiment.conftest import TINY
from tests.faults.configurations import PATHS, changes

STEPS = 200


def train(overrides: dict[str, Any]) -> Trainer:
    """Train a small run with some fields replaced."""
    _, base = parse([*TINY, f"total_steps={STEPS}", "brains.ppo.learning_delay=20"])
    run = compose_run(["bpo", "goal_reacher"], Overrides({**base, **overrides}))
    agent, train_config = validate(run), run.train
    trainer = Trainer(agent, train_config, progress_bar=False)
    try:
        trainer.run()
    finally:
        trainer.close()
    return trainer


def assert_trains_or_is_refused(overrides: dict[str, Any]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            trainer = train(overrides)
    except ConfigError as error:
        text = str(error)
        assert "\n" not in text
        words = {part for path in overrides for part in (path, PATHS[path])}
        words |= {key for value in overrides.values() if isinstance(value, dict) for key in value}
        assert any(word in text for word in words), (text, overrides)
    except Diverged:
        return  # told by brain, quantity and step; see test_health
    else:
        agent = trainer.agent
        for network in (agent.actor, *agent.critics, *agent.target_actors, *agent.target_critics):
            for parameter in network.parameters():
                assert bool(parameter.isfinite().all())
        for record in trainer.history:
            for value in record.row().values():
                assert value is None or math.isfinite(value)


ANY = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
}


@settings(max_examples=40, derandomize=True, **ANY)  # type: ignore[arg-type]
@given(changes())
def test_any_configuration_trains_or_is_refused(overrides: dict[str, Any]) -> None:
    assert_trains_or_is_refused(overrides)


@pytest.mark.faults
@settings(max_examples=1_000, database=None, **ANY)  # type: ignore[arg-type]
@given(changes())
def test_a_thousand_configurations_train_or_are_refused(overrides: dict[str, Any]) -> None:
    assert_trains_or_is_refused(overrides)


def test_what_does_not_fit_is_refused_with_its_bytes() -> None:
    for overrides in (
        {"agent.replay_size": 10**13},
        {"agent.networks.critics": 10**13},
        {"agent.networks.actor_hidden": [10**7, 10**7]},
        {"brains.ddpg.optim_pool_size": 10**13},
        {"num_envs": 10**10, "agent.replay_size": 10**13},
    ):
        with pytest.raises(ConfigError, match=r"needs (about )?[0-9,]+ bytes"):
            train(overrides)
