"""Actor and critic: units, bounds, ensembles."""

from typing import Any, Literal

import pytest
import torch

from bnpo.brains.steps.closed_form import critic_gradients
from bnpo.config import NetworkConfig
from bnpo.errors import ConfigError
from bnpo.networks import Actor, Critic
from bnpo.types import TaskSpec

SPEC = TaskSpec(
    env_id="toy", observation_dim=4, goal_dim=2, action_low=(-2.0, 0.0), action_high=(2.0, 10.0)
)


def test_mean_lies_in_the_box_and_sigma_has_its_units() -> None:
    torch.manual_seed(0)
    actor = Actor(6, SPEC, NetworkConfig(sigma_init=0.3))
    mu, sigma = actor(torch.randn(1000, 6) * 100)
    assert (mu >= actor.low).all()
    assert (mu <= actor.high).all()
    # half the range is 2 and 5
    torch.testing.assert_close(sigma[0], torch.tensor([0.6, 1.5]), rtol=1e-4, atol=1e-4)
    assert torch.equal(actor.clip(torch.tensor([[-9.0, 99.0]])), torch.tensor([[-2.0, 10.0]]))


@pytest.mark.parametrize(("mode", "learns"), [("fixed", False), ("global", True), ("state", True)])
def test_sigma_modes(mode: Literal["fixed", "global", "state"], learns: bool) -> None:
    actor = Actor(6, SPEC, NetworkConfig(sigma=mode))
    assert hasattr(actor, "sigma_bias") == learns
    features = torch.randn(2, 6)
    with torch.no_grad():
        actor.head.weight.normal_()
    sigma = actor(features)[1]
    assert bool((sigma[0] != sigma[1]).all()) == (mode == "state")


def test_sigma_stays_within_its_bounds() -> None:
    actor = Actor(6, SPEC, NetworkConfig(sigma_min=0.1, sigma_max=0.5))
    with torch.no_grad():
        actor.sigma_bias.fill_(1e6)
    assert (actor(torch.randn(1, 6))[1] <= 0.5 * actor.half_range + 1e-6).all()
    with torch.no_grad():
        actor.sigma_bias.fill_(-1e6)
    assert (actor(torch.randn(1, 6))[1] >= 0.1 * actor.half_range - 1e-6).all()


def test_ensemble_is_its_members() -> None:
    torch.manual_seed(0)
    critic = Critic(6, SPEC, NetworkConfig(critics=3, layer_norm=True))
    features, mu, sigma = torch.randn(5, 6), torch.rand(5, 2), torch.rand(5, 2)
    q = critic(features, mu, sigma)
    assert q.shape == (3, 5, 1)
    for member in range(3):
        single = Critic(6, SPEC, NetworkConfig(layer_norm=True))
        single.load_state_dict(
            {
                name: value[member : member + 1] if value.ndim == 3 else value
                for name, value in critic.state_dict().items()
            }
        )
        torch.testing.assert_close(single(features, mu, sigma)[0], q[member])
    torch.testing.assert_close(critic.value(features, mu, sigma), q.amin(0))
    critic.reduce = "mean"
    torch.testing.assert_close(critic.value(features, mu, sigma), q.mean(0))


def test_one_output_per_reward_component() -> None:
    spec = TaskSpec(
        env_id="toy",
        observation_dim=4,
        goal_dim=2,
        action_low=(-1.0,),
        action_high=(1.0,),
        reward_dim=3,
    )
    critic = Critic(6, spec, NetworkConfig(critics=2))
    value = critic.value(torch.randn(5, 6), torch.zeros(5, 1), torch.zeros(5, 1))
    assert value.shape == (5, 3)


def test_critic_works_in_units_of_the_box() -> None:
    """The middle of the Box with half its range as scale is (0, 1) to the network."""
    critic = Critic(6, SPEC, NetworkConfig())
    unit = TaskSpec(
        env_id="toy",
        observation_dim=4,
        goal_dim=2,
        action_low=(-1.0, -1.0),
        action_high=(1.0, 1.0),
    )
    twin = Critic(6, unit, NetworkConfig())
    state = {k: v for k, v in critic.state_dict().items() if k not in ("middle", "half_range")}
    twin.load_state_dict(state, strict=False)
    features = torch.randn(1, 6)
    scaled = critic(features, torch.tensor([[0.0, 5.0]]), torch.tensor([[2.0, 5.0]]))
    torch.testing.assert_close(scaled, twin(features, torch.zeros(1, 2), torch.ones(1, 2)))


def test_bounds_of_sigma_must_hold_its_first_value() -> None:
    with pytest.raises(ConfigError, match="sigma_init = 2.0"):
        NetworkConfig(sigma_init=2.0)


@pytest.mark.parametrize("fields", [{}, {"critics": 3}, {"critics": 2, "layer_norm": True}])
def test_gradients_are_those_of_automatic_differentiation(fields: dict[str, Any]) -> None:
    torch.manual_seed(0)
    critic = Critic(6, SPEC, NetworkConfig(critic_hidden=(16, 8), **fields))
    features, mu, sigma = torch.randn(37, 6), torch.randn(37, 2), torch.rand(37, 2)
    trace: list[tuple[torch.Tensor, ...]] = []
    q_value = critic(features, mu, sigma, trace)
    slope = torch.randn_like(q_value)
    gradients = critic_gradients(critic, trace, slope)
    expected = torch.autograd.grad(critic(features, mu, sigma), list(critic.parameters()), slope)
    assert torch.equal(q_value, critic(features, mu, sigma))
    for a, b in zip(gradients, expected, strict=True):
        torch.testing.assert_close(a, b)
