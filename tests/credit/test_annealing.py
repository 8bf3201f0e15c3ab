"""Annealed discounts by hand."""

from __future__ import annotations

import pytest

from bnpo.credit import AnnealedDiscount, gamma_from_half_life
from bnpo.credit.annealing import half_life_from_gamma
from bnpo.errors import ConfigError


def test_half_life() -> None:
    assert gamma_from_half_life(1) == 0.5
    # log 0.5 / log 0.998 = 0.693147 / 0.002002 = 346.2 decisions: at 7.5 per second the 46 s of
    # OpenAI Five; 0.9997: 2310.1, five minutes
    assert half_life_from_gamma(0.998) == pytest.approx(346.2, abs=0.05)
    assert half_life_from_gamma(0.9997) == pytest.approx(2310.1, abs=0.1)
    assert gamma_from_half_life(half_life_from_gamma(0.93)) == pytest.approx(0.93)


def test_by_value() -> None:
    schedule = AnnealedDiscount(start=0.9, end=0.98, over=100)
    assert [schedule(t) for t in (0, 50, 100, 1000)] == [
        pytest.approx(g) for g in (0.9, 0.94, 0.98, 0.98)
    ]


def test_by_half_life() -> None:
    # half-lives 1, 1.5, 2 steps: gamma 0.5, 0.5^(2/3) = 0.629961, 0.5^(1/2) = 0.707107
    schedule = AnnealedDiscount(start=1.0, end=2.0, over=10, by="half_life")
    assert [schedule(t) for t in (0, 5, 10, 11)] == [
        pytest.approx(g, abs=1e-6) for g in (0.5, 0.629961, 0.707107, 0.707107)
    ]


def test_bad_ends_are_named() -> None:
    with pytest.raises(ConfigError, match=r"AnnealedDiscount\.end = 20\.0.*by='half_life'"):
        AnnealedDiscount(start=0.9, end=20.0, over=10)
    with pytest.raises(ConfigError, match=r"AnnealedDiscount\.start = 0\.0.*half-life above 0"):
        AnnealedDiscount(start=0.0, end=20.0, over=10, by="half_life")
    with pytest.raises(ConfigError, match="half_life = 0"):
        gamma_from_half_life(0)
    with pytest.raises(ConfigError, match=r"gamma = 1\.0"):
        half_life_from_gamma(1.0)
