"""The closed form of DDPG's step is what automatic differentiation finds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bnpo.brains import DDPG, GradientStep
from bnpo.brains.steps.closed_form import MeanClimb
from bnpo.config import NetworkConfig
from bnpo.networks import Actor, Critic
from bnpo.types import TaskSpec

SPEC = TaskSpec(
    env_id="toy", observation_dim=4, goal_dim=2, action_low=(-1.0, -2.0), action_high=(1.0, 5.0)
)


class _Recorder(GradientStep):
    """Keeps gradients instead of following them."""

    found: tuple[Tensor | None, ...] = ()

    def descend(self, gradients: Any) -> dict[str, Tensor]:
        self.found = tuple(gradients)
        return {}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"critics": 1, "sigma": "fixed"},
        {"critics": 3, "reduce": "min", "sigma": "state"},
        {"critics": 2, "reduce": "mean", "layer_norm": True},
        {"critics": 1, "actor_hidden": (), "critic_hidden": ()},
    ],
)
@pytest.mark.parametrize("rule", [DDPG(mean_only=True), DDPG(mean_only=True, action_l2=0.1)])
def test_gradients_are_those_of_automatic_differentiation(
    rule: DDPG, fields: dict[str, Any], weighted: bool
) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(**{"actor_hidden": (16, 8), "critic_hidden": (16, 8), **fields})
    actor, critic = Actor(6, SPEC, config).double(), Critic(6, SPEC, config).double()
    with torch.no_grad():
        actor.head.weight.mul_(10)
    features = torch.randn(37, 6, dtype=torch.float64)
    weight = torch.rand(37, dtype=torch.float64) if weighted else None

    mu, sigma, raw = actor.heads(features)
    value = critic.value(features, mu, sigma.detach()).sum(-1)
    value = value - rule.action_l2 * raw.square().mean(-1)
    objective = (value if weight is None else weight * value).mean()
    parameters = list(actor.parameters())
    expected: list[Any] = [*torch.autograd.grad(-objective, parameters, allow_unused=True)]

    step = _Recorder(parameters, 1e-3)
    climb = MeanClimb.of(rule, actor, critic, step, point=False)
    assert climb is not None
    trace: list[Tensor] = []
    outputs = actor.heads(features, trace)
    climb.step(features, outputs, trace, weight)
    for own, other in zip(step.found, expected, strict=True):
        if other is None:
            assert own is None
        else:
            torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-14)


def test_a_brain_without_it_moves_alike(
    make_brain: Any, make_batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = DDPG(mean_only=True, action_l2=0.01)
    moved = []
    for closed in (True, False):
        brain = make_brain(rule, critics=2, reduce="mean")
        assert brain._mean_climb is not None
        if not closed:
            monkeypatch.setattr(type(brain), "_mean_climb", None)
        batch = make_batch(brain.networks)
        infos = [brain.take(batch).info for _ in range(3)]
        moved.append((list(brain.networks.actor.parameters()), infos[-1]))
    (own, info), (other, expected) = moved
    for a, b in zip(own, other, strict=True):
        torch.testing.assert_close(a, b)
    assert info.keys() == expected.keys()
    torch.testing.assert_close(info["q_value"], expected["q_value"])


@pytest.mark.parametrize(
    "rule", [DDPG(), DDPG(mean_only=True, clip=0.2), DDPG(mean_only=True, entropy=0.1)]
)
def test_what_also_moves_sigma_or_weighs_samples_is_left_to_it(rule: DDPG) -> None:
    config = NetworkConfig()
    actor, critic = Actor(6, SPEC, config), Critic(6, SPEC, config)
    step = GradientStep(list(actor.parameters()), 1e-3)
    assert MeanClimb.of(rule, actor, critic, step, point=False) is None
