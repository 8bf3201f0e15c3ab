"""The off-policy return: by hand, against known answers, and its gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bnpo.brains import ISReturn, off_policy_return
from bnpo.brains.off_policy import per_step_weights, start_baseline
from bnpo.networks import gaussian
from bnpo.types import Trajectories, log_ratios


def _draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_two_trajectories_of_two_steps_by_hand() -> None:
    """Ratios 3 and 1, then 1 and 2: weights 3:1, then 3:2; J = 10 3/4 + 0.5 (20 3/5 + 30 2/5).

    Effective sample sizes (3 + 1)^2 / (9 + 1) and (3 + 2)^2 / (9 + 4).
    """
    log_ratio = torch.tensor([[3.0, 1.0], [1.0, 2.0]]).log()
    reward = torch.tensor([[[10.0], [20.0]], [[0.0], [30.0]]])
    estimate = off_policy_return(reward, log_ratio, torch.tensor([2, 2]), 0.5)
    torch.testing.assert_close(estimate.per_step, torch.tensor([[7.5], [24.0]]))
    torch.testing.assert_close(estimate.value, torch.tensor([19.5]))
    torch.testing.assert_close(estimate.effective_sample_size, torch.tensor([1.6, 25 / 13]))


def test_on_policy_it_is_the_mean_return_of_as_many_samples() -> None:
    reward, length = _draw(50, 7, 2), torch.randint(1, 8, (50,))
    reward[torch.arange(7) >= length[:, None]] = math.nan  # never written
    estimate = off_policy_return(reward, torch.zeros(50, 7, dtype=torch.float64), length, 0.9)
    expected = torch.zeros(2, dtype=torch.float64)
    for i in range(50):
        for t in range(int(length[i])):
            expected += 0.9**t * reward[i, t] / 50
    torch.testing.assert_close(estimate.value, expected)
    torch.testing.assert_close(estimate.effective_sample_size, torch.full((7,), 50.0).double())


def test_a_reward_is_weighted_by_the_actions_up_to_it_alone() -> None:
    reward, log_ratio, length = _draw(9, 4, 1), _draw(9, 4, seed=1), torch.full((9,), 4)
    before = off_policy_return(reward, log_ratio, length, 0.9)
    log_ratio[:, 2] += _draw(9, seed=2)
    after = off_policy_return(reward, log_ratio, length, 0.9)
    assert torch.equal(before.per_step[:2], after.per_step[:2])
    assert not torch.isclose(before.per_step[2:], after.per_step[2:]).any()


def test_it_is_consistent_on_a_bandit_in_two_steps() -> None:
    """Behaviour N(0, 1), policy N(0.5, 0.8): E[a0] + 0.9 E[a0 a1] = 0.5 + 0.9 0.25 = 0.725."""
    errors = []
    for size in (100, 100_000):
        action = _draw(size, 2, seed=3)
        z = (action - 0.5) / 0.8
        log_ratio = 0.5 * action.square() - 0.5 * z.square() - math.log(0.8)
        reward = torch.stack((action[:, 0], action.prod(1)), 1)[:, :, None]
        estimate = off_policy_return(reward, log_ratio, torch.full((size,), 2), 0.9)
        errors.append(abs(estimate.value.item() - 0.725))
    assert errors[1] < 0.02 < errors[0]
    assert estimate.effective_sample_size[1] < estimate.effective_sample_size[0] < size


def test_huge_ratios_do_not_overflow() -> None:
    log_ratio = torch.tensor([[500.0, 500.0], [0.0, 0.0]])
    reward = torch.tensor([[[1.0], [2.0]], [[7.0], [7.0]]])
    estimate = off_policy_return(reward, log_ratio, torch.tensor([2, 2]), 1.0)
    torch.testing.assert_close(estimate.value, torch.tensor([3.0]))
    torch.testing.assert_close(estimate.effective_sample_size, torch.ones(2))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"log_ratio \[3, 4\].*allowed is \[S, T, R\], \[S, T\]"):
        off_policy_return(torch.zeros(3, 5, 1), torch.zeros(3, 4), torch.ones(3), 0.9)


class _Policy:
    """A fixed policy, Normal(0.3, 0.9) everywhere, as an Evaluator."""

    gamma = 0.9
    generator = torch.Generator()

    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        return gaussian.log_prob(action, torch.full_like(action, 0.3), torch.full_like(action, 0.9))

    def entropy_bonus(self, observation: Tensor, goal: Tensor) -> Tensor:
        raise NotImplementedError

    def value(self, observation: Tensor, goal: Tensor) -> Tensor:
        raise NotImplementedError

    def reward(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        raise NotImplementedError

    def terminated(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        raise NotImplementedError

    truncated = terminated


def _trajectories(size: int = 12, steps: int = 5) -> Trajectories:
    action = _draw(size, steps, 2, seed=4)
    zeros, ones = torch.zeros_like(action), torch.ones_like(action)
    states = torch.zeros(size, steps + 1, 1, dtype=torch.float64)
    return Trajectories(
        observation=states,
        achieved_goal=states,
        desired_goal=states,
        action=action,
        mu=zeros,
        sigma=ones,
        log_prob=gaussian.log_prob(action, zeros, ones),
        reward=_draw(size, steps, 1, seed=5),
        length=torch.randint(1, steps, (size,), generator=torch.Generator().manual_seed(6)),
        terminated=torch.zeros(size, dtype=torch.bool),
        truncated=torch.ones(size, dtype=torch.bool),
    )


@pytest.mark.parametrize("log_z", [0.0, 0.7])
def test_the_credit_is_the_gradient_of_the_estimate(log_z: float) -> None:
    """d J / d log pi(a_ik|s_ik) = c_ik / S, by automatic differentiation of the estimate."""
    stored = _trajectories()
    log_ratio = log_ratios(stored, _Policy()).requires_grad_()
    estimate = off_policy_return(stored.reward, log_ratio, stored.length, 0.9)
    cumulative = log_ratio.cumsum(1)[:, : int(stored.length.max())]
    objective = estimate.value.sum() + log_z * cumulative.logsumexp(0).sum()
    (expected,) = torch.autograd.grad(objective, log_ratio)
    segment, time = (torch.arange(5) < stored.length[:, None]).nonzero().unbind(1)
    credit = ISReturn(log_z=log_z).assign(stored, segment, time, _Policy())
    torch.testing.assert_close(credit.reward[:, 0] / len(stored), expected[segment, time])
    assert not credit.discount.any()


def test_the_credit_by_start_is_the_slope_of_the_estimate_beyond_the_start() -> None:
    """By finite differences of the self-normalised return of what the start leaves open."""
    stored = _trajectories().replace(observation=_draw(12, 6, 1, seed=7))
    beyond = stored.reward - start_baseline(stored)
    log_ratio, step = log_ratios(stored, _Policy()), 1e-5

    def value(i: int, t: int, change: float) -> float:
        moved = log_ratio.clone()
        moved[i, t] += change
        return float(off_policy_return(beyond, moved, stored.length, 0.9).value.sum())

    segment, time = (torch.arange(5) < stored.length[:, None]).nonzero().unbind(1)
    credit = ISReturn(by_start=True).assign(stored, segment, time, _Policy()).reward[:, 0] / 12
    slopes = [
        (value(i, t, step) - value(i, t, -step)) / (2 * step)
        for i, t in zip(segment.tolist(), time.tolist(), strict=True)
    ]
    torch.testing.assert_close(credit, torch.tensor(slopes).double(), rtol=1e-5, atol=1e-8)


def test_by_start_what_the_goal_alone_decides_moves_nothing() -> None:
    """Rewards that depend on the start alone give actions no credit; counted whole they do."""
    stored = _trajectories(size=400)
    start = _draw(400, 6, 1, seed=7)
    stored = stored.replace(
        observation=start,
        reward=(10 * start[:, :1]).expand(400, 5, 1).clone(),
        length=torch.full((400,), 5),
    )
    segment, time = torch.ones(400, 5).nonzero().unbind(1)
    sizes = [
        float(ISReturn(by_start=by).assign(stored, segment, time, _Policy()).reward.abs().mean())
        for by in (False, True)
    ]
    assert sizes[1] < 0.01 * sizes[0]


def test_weights_have_mean_one_at_every_step() -> None:
    weight = per_step_weights(_draw(8, 6))
    torch.testing.assert_close(weight.mean(0), torch.ones(6).double())
