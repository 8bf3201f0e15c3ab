"""Brains: learning rules that take turns in training one actor.

A brain list is a list of :class:`BrainDescription`. A rule is an objective for the actor, one
value per sample (:class:`Rule`); :class:`Brain` takes the gradient steps.
"""

from bnpo.brains.brain import Brain, Follower, Learnt, Networks, target_of
from bnpo.brains.ddpg import DDPG
from bnpo.brains.natural import NaturalGradient, NaturalStep
from bnpo.brains.optimizers import ActorStep, GradientStep
from bnpo.brains.ppo import PPO
from bnpo.brains.registry import RULES, resolve_rule
from bnpo.brains.rule import Rule, Sample
from bnpo.config import BrainDescription

__all__ = [
    "DDPG",
    "PPO",
    "RULES",
    "ActorStep",
    "Brain",
    "BrainDescription",
    "Follower",
    "GradientStep",
    "Learnt",
    "NaturalGradient",
    "NaturalStep",
    "Networks",
    "Rule",
    "Sample",
    "resolve_rule",
    "target_of",
]
