"""The natural gradient against dense matrices, and its line search."""

import copy

import pytest
import torch
from torch import Tensor

from bnpo.brains import DDPG, ActorStep, NaturalGradient, NaturalStep
from bnpo.brains.steps import fisher
from bnpo.brains.steps.fisher import fisher_vector_product, flatten
from bnpo.brains.steps.natural import conjugate_gradient
from bnpo.config import NetworkConfig
from bnpo.networks import Actor, Critic, gaussian
from bnpo.presets import PRESETS
from bnpo.types import TaskSpec


def test_conjugate_gradient_equals_a_dense_solve() -> None:
    torch.manual_seed(0)
    root = torch.randn(20, 20, dtype=torch.float64)
    matrix = root @ root.T + torch.eye(20, dtype=torch.float64)
    b = torch.randn(20, dtype=torch.float64)
    solved, residual = conjugate_gradient(lambda v: matrix @ v, b, 50)
    torch.testing.assert_close(solved, torch.linalg.solve(matrix, b), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(residual, b - matrix @ solved, rtol=0, atol=1e-9)


def test_fisher_vector_product_equals_the_matrix_of_the_definition(make_networks) -> None:
    """F = E[grad log pi grad log pi^T]: over 200,000 drawn actions within 3 %, per entry."""
    networks = make_networks(dtype=torch.float64, actor_hidden=())
    actor, features = networks.actor, torch.randn(1, 6, dtype=torch.float64)
    parameters = list(actor.parameters())
    size = sum(p.numel() for p in parameters)
    product, _ = fisher_vector_product(lambda: actor(features), parameters)
    dense = torch.stack([product(row) for row in torch.eye(size, dtype=torch.float64)])
    # the score by its definition: J^T d log N / d (mu, sigma), one row per drawn action
    mu, sigma = actor(features)
    outputs = torch.cat((mu, sigma), -1)[0]
    jacobian = torch.stack(
        [torch.cat([g.reshape(-1) for g in _grad(output, parameters)]) for output in outputs]
    )
    action = (mu + sigma * torch.randn(200_000, 2, dtype=torch.float64)).detach()
    z = (action - mu.detach()) / sigma.detach()
    scores = torch.cat((z / sigma.detach(), (z * z - 1) / sigma.detach()), -1) @ jacobian
    empirical = scores.T @ scores / len(scores)
    assert (dense - empirical).abs().max() < 0.03 * empirical.abs().max()
    torch.testing.assert_close(dense, dense.T)


@pytest.mark.parametrize("most", [12, 0], ids=["by layer", "by automatic differentiation"])
@pytest.mark.parametrize("sigma", ["fixed", "global", "state"])
@pytest.mark.parametrize("hidden", [(), (5,), (4, 3)])
def test_fisher_vector_product_equals_the_dense_matrix(
    hidden: tuple[int, ...], sigma: str, most: int, make_networks, monkeypatch
) -> None:
    """F = J^T diag(1/s^2, 2/s^2) J / B with J row by row, over a minibatch of 20."""
    monkeypatch.setattr(fisher, "MOST_COLUMNS", most)
    actor = make_networks(dtype=torch.float64, actor_hidden=hidden, sigma=sigma).actor
    features = torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parameters = [p for p in actor.parameters() if p.requires_grad]
    size = sum(p.numel() for p in parameters)
    product, (mu, scale) = fisher_vector_product(lambda: actor(features), parameters)
    products = torch.stack([product(row) for row in torch.eye(size, dtype=torch.float64)])
    outputs = torch.cat(actor(features), -1)
    rows = [
        torch.cat([g.reshape(-1) for g in _grad(output, parameters)])
        for output in outputs.reshape(-1)
    ]
    jacobian = torch.stack(rows)
    metric = torch.cat((scale**-2, 2 * scale**-2), -1).reshape(-1) / 20
    torch.testing.assert_close(products, jacobian.T @ (metric[:, None] * jacobian))
    assert not mu.requires_grad


def _grad(output: Tensor, parameters: list[torch.nn.Parameter]) -> list[Tensor]:
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
        output, parameters, retain_graph=True, allow_unused=True
    )
    return [
        torch.zeros_like(p) if g is None else g for g, p in zip(gradients, parameters, strict=True)
    ]


def _surrogate(networks, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(256, 6, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        mu, sigma = networks.actor(features)
    action = mu + sigma * torch.randn(256, 2, dtype=torch.float64, generator=generator)
    advantage = torch.randn(256, dtype=torch.float64, generator=generator)
    old = gaussian.log_prob(action, mu, sigma)

    def objective() -> Tensor:
        log_prob = gaussian.log_prob(action, *networks.actor(features))
        return ((log_prob - old).exp() * advantage).mean()

    return objective, lambda: networks.actor(features), (mu, sigma)


@pytest.mark.parametrize("delta", [1e-4, 1e-6])
def test_an_undamped_step_reaches_its_kl(delta: float, make_networks) -> None:
    networks = make_networks(dtype=torch.float64)
    objective, policy, old = _surrogate(networks)
    options = NaturalGradient(delta=delta, damping=0.0, iterations=60, backtracks=0)
    NaturalStep(list(networks.actor.parameters()), options).ascend(objective, policy)
    with torch.no_grad():
        kl = gaussian.kl_divergence(*old, *policy()).mean()
    assert kl.item() == pytest.approx(delta, rel=0.1)


def test_the_search_keeps_the_kl_and_improves(make_networks) -> None:
    networks = make_networks(dtype=torch.float64)
    objective, policy, _ = _surrogate(networks)
    before = objective().item()
    info = NaturalStep(list(networks.actor.parameters()), NaturalGradient(delta=0.02)).ascend(
        objective, policy
    )
    assert 0 < info["kl"].item() <= 0.02
    assert objective().item() > before


def test_a_failed_search_restores_every_parameter(make_networks) -> None:
    networks = make_networks(dtype=torch.float64)
    _, policy, _ = _surrogate(networks)
    parameters = list(networks.actor.parameters())
    before = copy.deepcopy(parameters)
    calls = 0

    def falling() -> Tensor:
        """An objective that is lower wherever it is asked again."""
        nonlocal calls
        calls += 1
        return torch.stack([p.sum() for p in parameters]).sum() - 1e6 * calls

    info = NaturalStep(parameters, NaturalGradient()).ascend(falling, policy)
    assert info["line_search_failed"].item() == 1
    assert all(torch.equal(p, q) for p, q in zip(parameters, before, strict=True))


def test_a_pathwise_brain_may_take_natural_steps(make_brain, make_batch) -> None:
    brain = make_brain(DDPG())
    parameters = list(brain.networks.actor.parameters())
    natural = NaturalStep(parameters, NaturalGradient(delta=0.01))
    brain.actor_step = ActorStep(brain.networks.actor, natural)
    info = brain.take(make_batch(brain.networks)).info
    assert 0 < info["kl"].item() <= 0.01


def test_the_presets_step_has_iterations_enough_for_its_damping() -> None:
    """The direction after them is that of the solved system; after a quarter it is 45 degrees off.

    Policy, critic and state are of the goal Reacher's sizes, the gradient is pathwise.
    """
    rule = PRESETS["bnpo"]["brains"]["ddpg"]["rule"]
    options = NaturalGradient(**rule["natural"])
    spec = TaskSpec(
        env_id="toy", observation_dim=8, goal_dim=2, action_low=(-1.0,) * 2, action_high=(1.0,) * 2
    )
    torch.manual_seed(0)
    networks = NetworkConfig(sigma="fixed", input_gain=3.0)
    actor, critic = Actor(10, spec, networks).double(), Critic(10, spec, networks).double()
    features = torch.randn(256, 10, dtype=torch.float64)
    parameters = list(actor.parameters())
    mu, sigma = actor(features)
    value = critic.value(features, mu, torch.zeros_like(sigma)).mean()
    gradient = flatten(torch.autograd.grad(value, parameters), parameters)
    fisher, _ = fisher_vector_product(lambda: actor(features), parameters)

    def direction(iterations: int) -> Tensor:
        return conjugate_gradient(
            lambda v: torch.add(fisher(v), v, alpha=options.damping), gradient, iterations
        )[0]

    solved = direction(400)
    after = [
        float(torch.cosine_similarity(direction(n), solved, 0))
        for n in (options.iterations // 4, options.iterations)
    ]
    assert after[0] < 0.75
    assert after[1] > 0.99
