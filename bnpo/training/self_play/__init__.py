"""Self-play: one actor on both sides of a task, against itself and a league of its past selves.

Brains, replay and credit know nothing of it: they see a vector environment whose rows are games.
"""

from bnpo.training.self_play.env import SelfPlayEnv
from bnpo.training.self_play.league import League, Member
from bnpo.training.self_play.opponents import Opponents
from bnpo.training.self_play.ratings import Ratings, elo_ratings

__all__ = ["League", "Member", "Opponents", "Ratings", "SelfPlayEnv", "elo_ratings"]
