"""Where the critic is regressed, in closed form.

One-step reaching: the arm lands at the action a ~ N(mu, sigma) and is rewarded 1 within e of the
goal g, so that

    Q(g, mu, sigma) = Phi((g + e - mu) / sigma) - Phi((g - e - mu) / sigma),   sigma > 0
    Q(g, a, 0)      = 1 where |a - g| <= e, else 0

The bias of a regression point is the mean of (reward - Q at that point) over samples.
"""

import math

import pytest
import torch
from torch import Tensor

from bnpo.brains.options import Point
from bnpo.brains.steps.critic import regression_point
from bnpo.config import NetworkConfig
from bnpo.networks import Actor, gaussian
from bnpo.types import TaskSpec, Transitions

SPEC = TaskSpec(
    env_id="toy", observation_dim=1, goal_dim=1, action_low=(-50.0,), action_high=(50.0,)
)
E = 0.2
N = 200_000
TOLERANCE = 0.005  # about four standard errors of a mean of N numbers in [0, 1]


def _true_q(goal: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    def phi(z: Tensor) -> Tensor:
        return 0.5 * (1 + torch.erf(z / math.sqrt(2)))

    scale = sigma.clamp(min=1e-12)
    noisy = phi((goal + E - mu) / scale) - phi((goal - E - mu) / scale)
    exact = ((mu - goal).abs() <= E).to(mu.dtype)
    return torch.where(sigma > 0, noisy, exact)


def _transitions(action: Tensor, goal: Tensor, mu: Tensor, relabelled: bool) -> Transitions:
    size = len(action)
    zero = torch.zeros(size, dtype=action.dtype)
    column = zero[:, None]
    sigma = torch.ones_like(action)
    log_prob = gaussian.log_prob(action, mu, sigma)
    return Transitions(
        observation=column,
        goal=goal,
        action=action,
        mu=mu,
        sigma=sigma,
        behaviour_log_prob=log_prob,
        proximal_log_prob=log_prob,
        reward=((action - goal).abs() <= E).to(action.dtype),
        discount=zero,
        next_observation=column,
        next_goal=goal,
        weight=torch.ones(size),
        relabelled=torch.full((size,), relabelled),
        steps=torch.ones(size, dtype=torch.int64),
        log_ratio_rest=zero,
    )


def _samples(kind: str, actor: Actor) -> Transitions:
    """Samples of mu_b = 0, sigma_b = 1: as they happened, relabelled, or redrawn."""
    generator = torch.Generator().manual_seed(0)
    action = torch.randn(N, 1, generator=generator, dtype=torch.float64)
    goal = torch.full_like(action, 0.7)
    mu = torch.zeros_like(action)
    if kind == "hindsight":  # the goal is where the arm landed, or close by
        goal = action + E * torch.randn(N, 1, generator=generator, dtype=torch.float64)
    transitions = _transitions(action, goal, mu, kind == "hindsight")
    if kind == "resampled":
        learning = actor(torch.zeros(N, 2, dtype=torch.float64))
        rho = (gaussian.log_prob(action, *learning) - transitions.behaviour_log_prob).exp()
        transitions = transitions[torch.multinomial(rho, N, replacement=True, generator=generator)]
    return transitions


@pytest.fixture(scope="module")
def learning_policy() -> Actor:
    """pi = N(0.5, 0.8), close enough to the behaviour for 200,000 samples."""
    actor = Actor(2, SPEC, NetworkConfig(sigma="fixed", sigma_init=0.016)).double()
    with torch.no_grad():
        actor.head.weight.zero_()
        actor.head.bias.fill_(math.atanh(0.5 / 50))
    return actor


@pytest.mark.parametrize(
    ("kind", "at", "biased"),
    [
        ("happened", "behaviour", False),
        ("happened", "point", False),
        ("happened", "learning", True),
        ("hindsight", "behaviour", True),
        ("hindsight", "learning", True),
        ("hindsight", "interpolate", True),
        ("hindsight", "point", False),
        ("hindsight", "auto", False),
        ("happened", "auto", False),
        ("resampled", "behaviour", True),
        ("resampled", "learning", False),
        ("resampled", "point", False),
        ("resampled", "auto", False),
    ],
)
def test_bias(kind: str, at: Point, biased: bool, learning_policy: Actor) -> None:
    batch = _samples(kind, learning_policy)
    features = torch.cat((batch.observation, batch.goal), -1)
    mu, sigma = regression_point(
        at,
        batch,
        features,
        learning_policy,
        resampled=kind == "resampled",
        generator=torch.Generator().manual_seed(1),
    )
    bias = float((batch.reward - _true_q(batch.goal, mu, sigma)).mean())
    if not biased:
        assert abs(bias) < TOLERANCE
    elif kind == "hindsight":
        assert bias > 0.1  # always upward
    else:
        assert abs(bias) > 4 * TOLERANCE


def test_interpolation_is_exact_at_its_ends(learning_policy: Actor) -> None:
    batch = _samples("happened", learning_policy)
    mu, sigma = regression_point(
        "interpolate",
        batch,
        torch.zeros(N, 2, dtype=torch.float64),
        learning_policy,
        resampled=False,
        generator=torch.Generator().manual_seed(2),
    )
    w = sigma / batch.sigma
    assert 0 <= w.min() < 0.001
    assert 0.999 < w.max() <= 1
    torch.testing.assert_close(mu, w * batch.mu + (1 - w) * batch.action)
    error = batch.reward - _true_q(batch.goal, mu, sigma)
    for near_an_end in (w < 0.02, w > 0.98):
        assert abs(float(error[near_an_end].mean())) < 0.03


def test_the_point_mass_is_clipped_to_the_box(learning_policy: Actor) -> None:
    action = torch.tensor([[80.0]], dtype=torch.float64)
    batch = _transitions(action, action, action, relabelled=True)
    mu, sigma = regression_point(
        "auto",
        batch,
        action.expand(1, 2),
        learning_policy,
        resampled=False,
        generator=torch.Generator(),
    )
    assert mu.item() == 50
    assert sigma.item() == 0
