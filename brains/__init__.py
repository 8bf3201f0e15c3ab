"""Brains: learning rules that take turns in training one actor.

A brain list is a list of :class:`BrainDescription`. A rule is an objective for the actor, one
value per sample (:class:`Rule`); :class:`LearningStep` takes the gradient steps.
"""

from bnpo.brains.entropy import EntropyBonus
from bnpo.brains.networks import Networks
from bnpo.brains.off_policy import OffPolicyReturn, off_policy_return
from bnpo.brains.options import Guidance, NaturalGradient
from bnpo.brains.registry import RULES, resolve_rule
from bnpo.brains.rule import Rule, Sample
from bnpo.brains.rules.awr import AWR
from bnpo.brains.rules.da_ac import DAAC
from bnpo.brains.rules.ddpg import DDPG
from bnpo.brains.rules.gps import GPS
from bnpo.brains.rules.ipg import IPG
from bnpo.brains.rules.is_return import ISReturn
from bnpo.brains.rules.ppo import PPO
from bnpo.brains.rules.ppo_kl import PPOKL
from bnpo.brains.rules.reppo import REPPO
from bnpo.brains.rules.sac import SAC
from bnpo.brains.rules.td3 import TD3
from bnpo.brains.rules.trpo import TRPO
from bnpo.brains.rules.vpg import VPG
from bnpo.brains.steps.actor import ActorStep
from bnpo.brains.steps.critic import CriticStep
from bnpo.brains.steps.learning_step import LearningStep, Learnt
from bnpo.brains.steps.natural import NaturalStep
from bnpo.brains.steps.optimizers import Follower, GradientStep, target_of
from bnpo.brains.steps.policies import PolicyExchange
from bnpo.config import BrainDescription

__all__ = [
    "AWR",
    "DAAC",
    "DDPG",
    "GPS",
    "IPG",
    "PPO",
    "PPOKL",
    "REPPO",
    "RULES",
    "SAC",
    "TD3",
    "TRPO",
    "VPG",
    "ActorStep",
    "BrainDescription",
    "CriticStep",
    "EntropyBonus",
    "Follower",
    "GradientStep",
    "Guidance",
    "ISReturn",
    "LearningStep",
    "Learnt",
    "NaturalGradient",
    "NaturalStep",
    "Networks",
    "OffPolicyReturn",
    "PolicyExchange",
    "Rule",
    "Sample",
    "off_policy_return",
    "resolve_rule",
    "target_of",
]
