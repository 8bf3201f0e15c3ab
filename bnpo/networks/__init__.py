"""Networks: encoders, the shared actor and its noise, the critic Q(s, g, mu, sigma)."""

from bnpo.networks import gaussian
from bnpo.networks.actor import Actor, PolicyOutput
from bnpo.networks.critic import Critic
from bnpo.networks.encoder import Encoder, build_encoder
from bnpo.networks.memory import Memory
from bnpo.networks.normalizer import Normalizer
from bnpo.networks.parameter_noise import ParameterNoise

__all__ = [
    "Actor",
    "Critic",
    "Encoder",
    "Memory",
    "Normalizer",
    "ParameterNoise",
    "PolicyOutput",
    "build_encoder",
    "gaussian",
]
