"""Brains: learning rules that take turns in training one actor.

A brain list is a list of :class:`BrainDescription`. A rule is an objective for the actor, one
value per sample (:class:`Rule`); :class:`Brain` takes the gradient steps.
"""

from bnpo.brains.brain import Brain, Learnt
from bnpo.brains.critic import CriticStep
from bnpo.brains.ddpg import DDPG
from bnpo.brains.entropy import EntropyBonus
from bnpo.brains.exchange import PolicyExchange
from bnpo.brains.gps import GPS
from bnpo.brains.guided import Guidance
from bnpo.brains.is_return import ISReturn
from bnpo.brains.natural import NaturalGradient, NaturalStep
from bnpo.brains.networks import Networks
from bnpo.brains.off_policy import OffPolicyReturn, log_ratios, off_policy_return
from bnpo.brains.optimizers import ActorStep, Adam, GradientStep
from bnpo.brains.ppo import PPO
from bnpo.brains.ppo_kl import PPOKL
from bnpo.brains.registry import RULES, resolve_rule
from bnpo.brains.rule import Adaptive, Rule, Sample
from bnpo.brains.targets import Follower, target_of
from bnpo.brains.trpo import TRPO
from bnpo.brains.vpg import VPG
from bnpo.config import BrainDescription

__all__ = [
    "DDPG",
    "GPS",
    "PPO",
    "PPOKL",
    "RULES",
    "TRPO",
    "VPG",
    "ActorStep",
    "Adam",
    "Adaptive",
    "Brain",
    "BrainDescription",
    "CriticStep",
    "EntropyBonus",
    "Follower",
    "GradientStep",
    "Guidance",
    "ISReturn",
    "Learnt",
    "NaturalGradient",
    "NaturalStep",
    "Networks",
    "OffPolicyReturn",
    "PolicyExchange",
    "Rule",
    "Sample",
    "log_ratios",
    "off_policy_return",
    "resolve_rule",
    "target_of",
]
