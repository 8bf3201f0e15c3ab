"""The entropy bonus on any rule: gradient, target, tuning, errors."""

import math
from typing import Any

import pytest
import torch

from bnpo.brains import DDPG, PPO, TRPO, VPG, EntropyBonus, Rule
from bnpo.errors import ConfigError
from bnpo.networks import gaussian


@pytest.mark.parametrize("kind", [DDPG, PPO, TRPO, VPG])
def test_any_rule_takes_a_bonus(kind: Any, make_brain: Any, make_batch: Any) -> None:
    """A bonus c H adds c dH/dl to the gradient of the scale's parameter l, whatever the rule."""
    gradients = []
    for entropy in (0.0, 0.5, {"coefficient": 0.5}, EntropyBonus(coefficient=0.5)):
        brain = make_brain(kind(entropy=entropy), dtype=torch.float64)
        brain.take(make_batch(brain.networks))
        gradients.append(-brain.networks.actor.sigma_bias.grad)
    bias = make_brain(kind()).networks.actor.sigma_bias.detach().double().requires_grad_()
    low, high = math.log(0.01), math.log(1.0)
    (expected,) = torch.autograd.grad((low + (high - low) * bias.sigmoid()).sum(), bias)
    torch.testing.assert_close(gradients[1] - gradients[0], 0.5 * expected, rtol=1e-5, atol=1e-7)
    assert torch.equal(gradients[1], gradients[2])
    assert torch.equal(gradients[1], gradients[3])


@pytest.mark.parametrize("climb_point", [False, True])
def test_in_target_the_bootstrap_is_soft(
    climb_point: bool, make_brain: Any, make_batch: Any
) -> None:
    targets = []
    for in_target in (False, True):
        bonus = EntropyBonus(coefficient=0.3, in_target=in_target)
        brain = make_brain(DDPG(entropy=bonus), climb_point=climb_point)
        batch = make_batch(brain.networks)
        targets.append(brain.td_target(batch, brain.networks.target_actor))
    features = brain.networks.encoder(batch.next_observation, batch.next_goal)
    entropy = gaussian.entropy(brain.networks.target_actor(features)[1])
    expected = batch.discount * 0.3 * entropy
    torch.testing.assert_close((targets[1] - targets[0])[:, 0], expected)


def test_a_tuned_weight_grows_below_its_target_and_falls_above() -> None:
    bonus = EntropyBonus(coefficient=0.1, target=-1.0, rate=0.5)
    assert bonus.initial_state() == {"entropy_coefficient": 0.1}
    grown = bonus.adapt({"entropy_coefficient": 0.1}, {"entropy": -3.0})
    assert grown["entropy_coefficient"] == pytest.approx(0.1 * math.exp(0.5 * 2))
    fallen = bonus.adapt({"entropy_coefficient": 0.1}, {"entropy": 0.0})
    assert fallen["entropy_coefficient"] == pytest.approx(0.1 * math.exp(-0.5))
    assert bonus.adapt({"entropy_coefficient": 0.1}, {}) == {}


class Narrowing(Rule):
    """A rule of one's own that wants the scale to vanish, with a tuned bonus against it."""

    pathwise = True
    entropy = EntropyBonus(coefficient=0.02, target=-1.0, rate=0.02)

    def objective(self, sample: Any) -> Any:
        return -sample.sigma.sum(-1), {}


def test_tuning_holds_the_policy_at_its_entropy(make_brain: Any, make_batch: Any) -> None:
    """It holds where c dH = -d objective: c / s = 1 per action, so c is the scale."""
    brain = make_brain(Narrowing())
    batch = make_batch(brain.networks)
    for _ in range(800):
        info = {key: float(value) for key, value in brain.take(batch).info.items()}
        brain.adapt(info)
    assert info["entropy"] == pytest.approx(-1.0, abs=0.1)
    scale = math.exp(-1.0 / 2 - 0.5 * math.log(2 * math.pi * math.e))
    assert brain.state["entropy_coefficient"] == pytest.approx(scale, rel=0.2)


def test_a_fixed_weight_has_no_state(make_brain: Any) -> None:
    assert make_brain(PPO(entropy=0.1)).state == {}


@pytest.mark.parametrize(
    ("entropy", "says"),
    [
        (-0.1, r"PPO.entropy = -0.1: allowed is a weight of at least 0, or an EntropyBonus"),
        ("much", r"PPO.entropy = 'much': allowed is a weight"),
        ({"coeff": 1.0}, r"EntropyBonus has no field 'coeff'"),
        ({"coefficient": 0.0, "target": -1.0}, r"EntropyBonus.coefficient = 0 with target"),
    ],
)
def test_what_is_no_bonus_is_refused(entropy: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        PPO(entropy=entropy)
