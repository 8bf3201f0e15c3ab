"""Sampling laws against hand-derived numbers and a bandit with a known answer."""

from __future__ import annotations

import math

import pytest
import torch

from bnpo.errors import ConfigError
from bnpo.replay.laws import (
    LAWS,
    ImportanceRatio,
    SamplingLaw,
    TDError,
    Uniform,
)

LOG_RATIO = torch.tensor([-20.0, -1.0, 0.0, 0.5, 2.0, 90.0], dtype=torch.float64)
REST = torch.tensor([0.5, 1.0, 0.0, -0.25, 1.0, 0.0], dtype=torch.float64)
NONE = torch.zeros(6, dtype=torch.float64)


def test_importance_ratio_is_exactly_rho() -> None:
    priority = ImportanceRatio().priority(LOG_RATIO[1:5], REST[1:5], NONE[1:5])
    assert priority.tolist() == LOG_RATIO[1:5].exp().tolist()


def test_importance_ratio_is_bounded_in_log_space() -> None:
    priority = ImportanceRatio().priority(LOG_RATIO, REST, NONE, max_log_ratio=3.0)
    assert priority[0] == pytest.approx(math.exp(-3))
    assert priority[5] == pytest.approx(math.exp(3))
    assert priority[4] == LOG_RATIO[4].exp()


def test_importance_ratio_options() -> None:
    kstep = ImportanceRatio(kstep=True).priority(LOG_RATIO[1:5], REST[1:5], NONE[1:5])
    torch.testing.assert_close(kstep, torch.tensor([0.0, 0.0, 0.25, 3.0]).double().exp())
    clipped = ImportanceRatio(clip=1.5).priority(LOG_RATIO[1:5], REST[1:5], NONE[1:5])
    expected = [math.exp(-1), 1.0, 1.5, 1.5]  # e^0.5 = 1.65 and e^2 are clipped
    torch.testing.assert_close(clipped, torch.tensor(expected, dtype=torch.float64))
    root = ImportanceRatio(clip=4.0).priority(LOG_RATIO[4:], REST[4:], NONE[4:], exponent=0.5)
    assert root.tolist() == [2.0, 2.0]
    assert ImportanceRatio().fresh(7.0) == 1


def test_priorities_carry_no_gradient() -> None:
    leaf = torch.zeros(3, requires_grad=True)
    for law in (Uniform(), ImportanceRatio(kstep=True), TDError()):
        assert not law.priority(leaf * 2, leaf, leaf + 1).requires_grad


def test_td_error_by_hand() -> None:
    delta = torch.tensor([-4.0, 1.0, 0.0, 9.0])
    law = TDError(alpha=0.5, beta=1.0, epsilon=0.0)
    priority = law.priority(delta, delta, delta)
    assert priority.tolist() == [2.0, 1.0, 0.0, 3.0]
    # Drawn: entries 0, 1, 3; N = 4, total 6: N p = 8/6, 4/6, 12/6; to -1: 3/4, 3/2, 1/2; over 3/2.
    weight = law.weight(priority[[0, 1, 3]], priority.sum(), 4)
    torch.testing.assert_close(weight, torch.tensor([0.5, 1.0, 1 / 3]))
    assert law.priority(delta, delta, delta, exponent=1.0).tolist() == [4.0, 1.0, 0.0, 9.0]
    assert TDError().priority(delta, delta, delta)[2] > 0
    assert TDError().fresh(7.0) == 7


def test_laws_that_weigh_say_so() -> None:
    one = torch.tensor([1.0, 2.0])
    for law in (Uniform(), ImportanceRatio(), ImportanceRatio(bias_corrected=True), TDError()):
        weight = law.weight(one, one.sum(), 2)
        assert law.reweights == bool((weight != 1).any())


def test_uniform() -> None:
    assert Uniform().priority(LOG_RATIO, REST, NONE).tolist() == [1.0] * 6
    assert Uniform().weight(LOG_RATIO, LOG_RATIO.sum(), 6).tolist() == [1.0] * 6


def test_registry_and_validation() -> None:
    assert {name: type(make()) for name, make in LAWS.items()} == LAWS
    assert all(isinstance(make(), SamplingLaw) for make in LAWS.values())
    with pytest.raises(ConfigError, match=r"ImportanceRatio.clip = 0\.0"):
        ImportanceRatio(clip=0.0)
    with pytest.raises(ConfigError, match=r"TDError.beta = 1\.5"):
        TDError(beta=1.5)


def binomial_bandit(count: int, law: ImportanceRatio) -> float:
    """Exact expectation of the resampled estimate of E_pi[r] with a pool of ``count`` pulls.

    Two arms, behaviour 1/2 and 1/2, pi 4/5 and 1/5, reward 1 and 0: rho is 8/5 and 2/5, and
    E_pi[r] = 4/5. A pool with k pulls of the first arm has probability C(N, k) / 2^N; what one
    draw from it gives on average is sum_i p_i w_i r_i.
    """
    expectation = 0.0
    for pulls in range(count + 1):
        first = torch.arange(count) < pulls
        log_ratio = torch.where(first, 1.6, 0.4).double().log()
        priority = law.priority(log_ratio, log_ratio * 0, log_ratio * 0)
        weight = law.weight(priority, priority.sum(), count)
        estimate = (priority / priority.sum() * weight * first).sum()
        expectation += math.comb(count, pulls) / 2**count * float(estimate)
    return expectation


def test_bias_of_resampling_shrinks_as_one_over_n() -> None:
    """By the delta method bias = (E_pi[r] Var rho - Cov(rho r, rho)) / N + O(1 / N^2).

    Var rho = (1.6^2 + 0.4^2) / 2 - 1 = 0.36, Cov = 1.6^2 / 2 - 0.8 = 0.48: -0.192 / N.
    """
    bias = {n: binomial_bandit(n, ImportanceRatio()) - 0.8 for n in (16, 64, 256)}
    assert 16 * bias[16] == pytest.approx(-0.192, rel=0.1)
    assert 64 * bias[64] == pytest.approx(-0.192, rel=0.03)
    assert 256 * bias[256] == pytest.approx(-0.192, rel=0.01)


@pytest.mark.parametrize("count", [1, 16, 64])
def test_bias_corrected_resampling_is_unbiased(count: int) -> None:
    assert binomial_bandit(count, ImportanceRatio(bias_corrected=True)) == pytest.approx(0.8)


@pytest.mark.parametrize(("clip", "share"), [(None, 0.3679), (1.0, 0.7770)])
def test_a_clip_keeps_more_of_the_pool(clip: float | None, share: float) -> None:
    """Log rho ~ Normal(-1/2, 1), a mean of rho of 1.

    Without a clip the share that counts is 1 / E[rho^2] = 1/e = 0.3679. Clipped at 1, with
    P(rho > 1) = Phi(-1/2) = 0.3085, E[rho; rho < 1] = Phi(-1/2) and E[rho^2; rho < 1] =
    e Phi(-3/2) = 0.1816, it is (2 * 0.3085)^2 / (0.1816 + 0.3085) = 0.7770.
    """
    z = torch.special.ndtri((torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000)
    rho = ImportanceRatio(clip=clip).priority(z - 0.5, torch.zeros(1), torch.zeros(1))
    counted = rho.sum().square() / rho.square().sum() / len(rho)
    assert float(counted) == pytest.approx(share, rel=0.01)
