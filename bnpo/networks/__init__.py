"""Networks: running normalisation, the shared actor, the critic Q(s, g, mu, sigma)."""

from bnpo.networks import gaussian
from bnpo.networks.actor import Actor
from bnpo.networks.critic import Critic
from bnpo.networks.normalizer import Normalizer

__all__ = ["Actor", "Critic", "Normalizer", "gaussian"]
