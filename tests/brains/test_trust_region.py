"""TRPO and the natural policy gradient: the surrogates handed to the natural step."""

from typing import Any

import pytest
import torch

from bnpo.brains import TRPO, VPG, ActorStep, NaturalGradient, NaturalStep
from bnpo.errors import ConfigError
from bnpo.networks import gaussian


def _natural_brain(make_brain: Any, rule: Any) -> Any:
    brain = make_brain(rule, dtype=torch.float64)
    natural = NaturalStep(list(brain.networks.actor.parameters()), rule.natural)
    brain.actor_step = ActorStep(brain.networks.actor, natural)
    return brain


def test_trpo_improves_its_surrogate_within_delta(make_brain: Any, make_batch: Any) -> None:
    rule = TRPO(natural=NaturalGradient(delta=0.005), normalize_advantage=False)
    brain = _natural_brain(make_brain, rule)
    networks, batch = brain.networks, make_batch(brain.networks, 256)
    features = networks.encoder(batch.observation, batch.goal)
    with torch.no_grad():
        y = brain.td_target(batch, networks.target_actor).sum(-1)
        advantage = y - networks.critic.value(features, batch.mu, batch.sigma).sum(-1)
        old = networks.actor(features)
    info = brain.take(batch).info
    with torch.no_grad():
        new = networks.actor(features)
        kl = gaussian.kl_divergence(*old, *new).mean()
        rho = (gaussian.log_prob(batch.action, *new) - batch.behaviour_log_prob).exp()
    assert 0.001 < kl <= 0.005
    assert info["kl"] == pytest.approx(kl.item())
    assert (rho * advantage).mean() > advantage.mean()


def test_npg_takes_the_whole_step_and_may_leave_the_region(
    make_brain: Any, make_batch: Any
) -> None:
    """Without damping the quadratic model of the KL is delta; the true one is not searched for."""
    reached = []
    for backtracks in (0, 10):
        options = NaturalGradient(delta=0.2, damping=0.0, iterations=40, backtracks=backtracks)
        rule = VPG(natural=options)
        brain = _natural_brain(make_brain, rule)
        reached.append(brain.take(make_batch(brain.networks, 256)).info["kl"].item())
    assert reached[1] <= 0.2 < reached[0]


def test_options_come_as_object_or_fields_and_are_checked() -> None:
    def made(**options: Any) -> TRPO:
        fields: Any = options
        return TRPO(natural=fields)

    assert made(delta=0.02) == TRPO(natural=NaturalGradient(delta=0.02))
    with pytest.raises(ConfigError, match=r"NaturalGradient has no field 'dleta'"):
        made(dleta=0.02)
    with pytest.raises(ConfigError, match=r"NaturalGradient.delta = 0"):
        made(delta=0)
