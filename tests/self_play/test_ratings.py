"""Elo against numbers derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bnpo.training.self_play import elo_ratings


def test_three_wins_in_four_are_191_points() -> None:
    """400 log10(3) = 190.8, which the wide prior pulls towards 0 by less than 1 in 4,000 games.

    The interval follows from the curvature n p (1 - p) = 4000 x 3/16 = 750:
    1.96 x 173.7 / sqrt(750) = 12.4.
    """
    elo, margin = elo_ratings(np.array([[0.0, 1000.0], [3000.0, 0.0]]))
    assert elo[0] == margin[0] == 0.0
    assert elo[1] == pytest.approx(190.8, abs=1.0)
    assert margin[1] == pytest.approx(12.4, abs=0.1)


def test_ratings_add_up_over_players_who_never_met() -> None:
    """1 beats the measure three to one, 2 beats 1 three to one: twice 190.8 apart from it."""
    score = np.zeros((3, 3))
    score[0, 1], score[1, 0] = 10_000, 30_000
    score[1, 2], score[2, 1] = 10_000, 30_000
    elo = elo_ratings(score).elo
    np.testing.assert_allclose(elo, [0.0, 190.8, 381.7], atol=1.0)


def test_a_player_who_lost_every_game_has_a_rating_and_a_wide_interval() -> None:
    few = elo_ratings(np.array([[0.0, 4.0], [0.0, 0.0]]))
    many = elo_ratings(np.array([[0.0, 400.0], [0.0, 0.0]]))
    assert many.elo[1] < few.elo[1] < 0.0
    assert few.margin[1] > 300.0


def test_draws_between_equals_say_equal() -> None:
    elo, _ = elo_ratings(np.array([[0.0, 50.0], [50.0, 0.0]]))
    np.testing.assert_allclose(elo, 0.0, atol=1e-6)


def test_nobody_has_played() -> None:
    elo, _ = elo_ratings(np.zeros((1, 1)))
    assert elo.tolist() == [0.0]
