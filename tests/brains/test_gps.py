"""Guided policy search: its credit, its judgement, its guiding samples, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bnpo.brains import GPS
from bnpo.brains.off_policy import start_baseline
from bnpo.brains.rules.guided import guided_credit, review
from bnpo.networks import gaussian
from bnpo.types import Trajectories

STEPS = 4


def _draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _trajectories(action: Tensor, mu: Tensor, reward: Tensor, start: Tensor) -> Trajectories:
    """Trajectories of Normal(mu, 1) behaviour that stand at their start."""
    size, steps, _ = action.shape
    sigma = torch.ones_like(action)
    observation = start[:, None].expand(size, steps + 1, -1)
    return Trajectories(
        observation=observation,
        achieved_goal=observation[:, :, :0],
        desired_goal=observation[:, :, :0],
        action=action,
        mu=mu,
        sigma=sigma,
        log_prob=gaussian.log_prob(action, mu, sigma),
        reward=reward,
        length=torch.full((size,), steps),
        terminated=torch.zeros(size, dtype=torch.bool),
        truncated=torch.ones(size, dtype=torch.bool),
    )


def test_the_credit_is_the_gradient_of_the_objective() -> None:
    """S dPhi/d log pi = c + w_r z, by automatic differentiation of Phi as the paper writes it."""
    reward, length, log_z = _draw(9, STEPS, 2), torch.tensor([4, 1, 2, 4, 3, 4, 4, 2, 4]), 0.3
    written = torch.arange(STEPS) < length[:, None]
    log_ratio = torch.where(written, 0.5 * _draw(9, STEPS, seed=1), 0.0).requires_grad_()
    w = log_ratio.cumsum(1).exp()
    z = w.sum(0)
    discount = 0.9 ** torch.arange(STEPS)
    paid = torch.where(written[:, :, None], reward, 0.0).sum(-1)
    phi = (discount * (w * paid).sum(0) / z + log_z * z.log()).sum()
    (expected,) = torch.autograd.grad(phi, log_ratio)
    guided = guided_credit(reward, log_ratio.detach(), length, 0.9)
    credit = (guided.value.sum(-1) + log_z * guided.log_z) / 9
    torch.testing.assert_close(credit[written], expected[written])


def test_the_baseline_expects_what_the_start_decides() -> None:
    start = _draw(400, 2)
    fixed = start[:, :1].square() - 2 * start[:, 1:]  # [S, 1]
    chance = 0.1 * _draw(400, STEPS, 1, seed=1)
    reward = fixed[:, None] + chance
    zeros = torch.zeros(400, STEPS, 1).double()
    expected = start_baseline(_trajectories(zeros, zeros, reward, start))
    rest = (reward - expected).std()
    assert 0.09 < float(rest) < 0.105  # the chance of 0.1, against 2.4 in all
    torch.testing.assert_close(expected.mean(), reward.mean(), rtol=0, atol=0.01)


def test_the_baseline_of_a_trajectory_is_fitted_to_the_others() -> None:
    """What is added to one trajectory's rewards stays in what it is paid beyond its baseline.

    Of a fit to all it would keep a share 1 - h: with 32 trajectories and 1 + 2 * 9 features, whose
    leverages sum to nearly 19, about 1 - 19 / 32 = 0.41. The others' baselines move by it.
    """
    start, reward = _draw(32, 9), _draw(32, STEPS, 1, seed=1)
    zeros = torch.zeros(32, STEPS, 1).double()
    more = reward.clone()
    more[7] += 1.0
    before, after = (
        paid - start_baseline(_trajectories(zeros, zeros, paid, start)) for paid in (reward, more)
    )
    torch.testing.assert_close((after - before)[7], torch.ones(STEPS, 1).double())
    assert float((after - before)[8].abs().min()) > 0


def test_the_baseline_is_that_of_as_many_fits_as_trajectories() -> None:
    """A naive twin: each trajectory left out of its own ridge regression."""
    start, reward = _draw(12, 2), _draw(12, STEPS, 1, seed=1)
    x = (start - start.mean(0)) / (start.std(0, correction=0) + 1e-6)
    x = torch.cat((torch.ones(12, 1), x, x.square()), 1)
    fits = []
    for i in range(12):
        rest = torch.arange(12) != i
        solved = torch.linalg.solve(
            x[rest].T @ x[rest] + torch.eye(5).double(), x[rest].T @ reward[rest, :, 0]
        )
        fits.append(x[i] @ solved)
    zeros = torch.zeros(12, STEPS, 1).double()
    baseline = start_baseline(_trajectories(zeros, zeros, reward, start))
    torch.testing.assert_close(baseline[:, :, 0], torch.stack(fits))


class _Judge:
    """Two linear policies Normal(w, 1) as a review sees them."""

    gamma = 1.0

    def __init__(self, online: nn.Linear, best: nn.Linear) -> None:
        self.online, self.best = online, best

    def _density(self, policy: nn.Linear, observation: Tensor, action: Tensor) -> Tensor:
        mu = policy(torch.ones_like(observation[:, :1]))
        return gaussian.log_prob(action, mu, torch.ones_like(mu))

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        return self._density(self.online, observation, action)

    def target_log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        return self._density(self.best, observation, action)


def _policy(mean: float) -> nn.Linear:
    policy = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(policy.weight, mean)
    return policy


@pytest.mark.parametrize(("online", "best"), [(0.5, -0.5), (-0.5, 0.5)])
@pytest.mark.parametrize("returns", [True, False])
def test_the_better_policy_is_kept(online: float, best: float, returns: bool) -> None:
    """A step pays -(a - 1)^2, so that the mean 0.5 is worth -1.25 and -0.5 is worth -3.25."""
    mu = torch.full((4_000, 1, 1), online, dtype=torch.float64)
    action = mu + _draw(4_000, 1, 1)
    stored = _trajectories(action, mu, -(action - 1).square(), _draw(4_000, 1, seed=1))
    best += 0.25 * (online - best)  # near enough for half of the sample to count
    policies = _policy(online), _policy(best)
    rule = GPS(log_z=0.1, log_z_factor=2.0, return_to_best=returns)
    verdict = review(rule, stored, _Judge(*policies), *policies, {"log_z": 0.1})
    worth = [-1.0 - (mean - 1.0) ** 2 for mean in (online, best)]
    assert verdict["value"] == pytest.approx(worth[0], abs=0.25)
    assert verdict["best_value"] == pytest.approx(worth[1], abs=0.25)
    better = online > best
    assert verdict["log_z"] == pytest.approx(0.05 if better else 0.2)
    weights = [float(policy.weight.detach()) for policy in policies]
    assert weights == ([max(online, best)] * 2 if better or returns else [online, best])


def test_what_is_chance_is_a_verdict_in_one_of_three_cases() -> None:
    """Rewards that no action decides: |gain| passes one standard error with probability 0.317."""
    verdicts = []
    for seed in range(300):
        mu = torch.zeros(100, 1, 1).double()
        action, reward = _draw(100, 1, 1, seed=seed), _draw(100, 1, 1, seed=1_000 + seed)
        stored = _trajectories(action, mu, reward, torch.zeros(100, 1).double())
        policies = _policy(0.0), _policy(0.3)
        numbers = review(GPS(), stored, _Judge(*policies), *policies, {"log_z": 0.01})
        verdicts.append(numbers["value"] - numbers["best_value"] if "log_z" in numbers else 0.0)
    assert sum(gain != 0 for gain in verdicts) / 300 == pytest.approx(0.317, abs=0.08)
    assert sum(gain > 0 for gain in verdicts) / 300 == pytest.approx(0.159, abs=0.06)


def test_a_best_policy_for_which_nothing_counts_gives_way_without_a_verdict() -> None:
    """Means two scales apart leave exp(-4) = 0.02 of the sample."""
    action = _draw(500, 1, 1)
    stored = _trajectories(action, torch.zeros_like(action), action, _draw(500, 1, seed=1))
    policies = _policy(0.0), _policy(2.0)
    verdict = review(GPS(), stored, _Judge(*policies), *policies, {"log_z": 0.01})
    assert "log_z" not in verdict
    assert [float(policy.weight.detach()) for policy in policies] == [0.0, 0.0]


def test_the_weight_of_log_z_stays_in_its_bounds() -> None:
    rule = GPS(log_z=0.1, log_z_bounds=(0.08, 0.15))
    assert rule.review(True, {"log_z": 0.1}) == {"log_z": 0.08}
    assert rule.review(False, {"log_z": 0.1}) == {"log_z": 0.15}


def test_climbing_finds_the_best_policy_from_guiding_samples() -> None:
    """Two steps, r_1 = -(a_1 - 0.6)^2, r_2 = -(a_2 - a_1)^2; samples of a policy around 0.4.

    The mean of the first action goes to 0.6 and the second follows the first.
    """
    action = 0.4 + 0.5 * _draw(2_000, 2, 1)
    reward = torch.stack(
        (-(action[:, 0] - 0.6).square(), -(action[:, 1] - action[:, 0]).square()), 1
    )
    mu, sigma = torch.full_like(action, 0.4), torch.full_like(action, 0.5)
    behaviour = gaussian.log_prob(action, mu, sigma)
    mean = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    slope = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([mean, slope], 0.02)
    for _ in range(300):
        means = torch.stack((mean[0].expand(2_000, 1), mean[1] + slope * action[:, 0]), 1)
        log_prob = gaussian.log_prob(action, means, 0.6 * sigma)
        log_ratio = (log_prob - behaviour).detach()
        credit = guided_credit(reward, log_ratio, torch.full((2_000,), 2), 1.0)
        optimizer.zero_grad()
        (-(log_prob * (credit.value[:, :, 0] + 1e-3 * credit.log_z)).mean()).backward()
        optimizer.step()
    mean, slope = mean.detach(), slope.detach()
    assert float(mean[0]) == pytest.approx(0.6, abs=0.05)
    assert float(slope) == pytest.approx(1.0, abs=0.1)
    assert float(mean[1]) == pytest.approx(0.0, abs=0.06)
