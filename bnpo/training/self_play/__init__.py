"""Self-play: one actor on both sides of a task, against itself and a pool of its past selves.

Brains, replay and credit know nothing of it: they see a vector environment whose rows are games.
"""

from bnpo.training.self_play.env import SelfPlayEnv
from bnpo.training.self_play.opponents import Opponents
from bnpo.training.self_play.pool import Member, Pool
from bnpo.training.self_play.ratings import Ratings, elo_ratings

__all__ = ["Member", "Opponents", "Pool", "Ratings", "SelfPlayEnv", "elo_ratings"]
