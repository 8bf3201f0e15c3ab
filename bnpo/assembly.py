"""From a brain list to brains at work: the one place where flags become objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from bnpo.brains import (
    ActorStep,
    Brain,
    GradientStep,
    NaturalGradient,
    NaturalStep,
    Networks,
    resolve_rule,
)
from bnpo.brains.rule import Rule
from bnpo.config import BrainDescription, ConfigError
from bnpo.credit import GAE, HER, FloatingNStep, resolve
from bnpo.evaluator import NetworkEvaluator
from bnpo.learner import Learner
from bnpo.replay import LAWS, ImportanceRatio, SamplingLaw, Uniform
from bnpo.types import CreditScheme, TaskSpec

if TYPE_CHECKING:
    from bnpo.agent import Agent

__all__ = ["build_learners"]


def build_learners(agent: Agent) -> list[Learner]:
    """Make every brain of the agent's list.

    Raises:
        ConfigError: naming the brain, the field and what to change.

    """
    learners: list[Learner] = []
    names: list[str] = []
    for index, description in enumerate(agent.brains):
        try:
            learner = _build(agent, index, description, names)
        except ConfigError as error:
            raise ConfigError(f"brain {index}: {error}") from None
        names.append(learner.name)
        learners.append(learner)
    return learners


def _build(agent: Agent, index: int, description: BrainDescription, taken: list[str]) -> Learner:
    config = agent.config
    rule = resolve_rule(description)
    scheme = _scheme(description, rule, agent.spec)
    law = _law(description)
    relabels = bool(getattr(scheme, "relabels", False))
    climb_point = description.climb == "point" or (description.climb == "auto" and relabels)
    critic = index % len(agent.critics)
    networks = Networks(
        encoder=agent.encoder,
        actor=agent.actor,
        critic=agent.critics[critic],
        target_actor=agent.target_actors[index % len(agent.target_actors)],
        target_critic=agent.target_critics[critic],
    )
    generator = agent._new_generator(1 + index)
    regress = description.regress
    brain = Brain(
        rule,
        networks,
        _actor_step(agent, description, rule),
        torch.optim.Adam(
            networks.critic.parameters(), lr=description.lr_critic or config.lr_critic, fused=True
        ),
        regress="point" if regress == "auto" and climb_point else regress,
        climb_point=climb_point,
        target_bounds=config.target_bounds,
        max_log_ratio=config.max_log_ratio,
        clip_norm=config.clip_norm,
        generator=generator,
    )
    evaluator = NetworkEvaluator(
        networks,
        agent.spec,
        agent.reward_of,
        gamma=config.gamma,
        climb_point=climb_point,
        max_log_ratio=config.max_log_ratio,
        generator=generator,
    )
    name = _name(description, rule, taken)
    return Learner(name, description, config, brain, scheme, law, evaluator, generator)


def _actor_step(agent: Agent, description: BrainDescription, rule: Rule) -> ActorStep:
    parameters = list(agent.actor.parameters())
    natural = getattr(rule, "natural", None)
    if natural is None and description.natural:
        natural = NaturalGradient()
    if natural is not None:
        return NaturalStep(parameters, natural)
    return GradientStep(parameters, description.lr_actor, agent.config.clip_norm)


def _scheme(description: BrainDescription, rule: Rule, spec: TaskSpec) -> CreditScheme:
    """Return the credit scheme named, or the default of the brain's kind."""
    credit: Any = description.credit
    if credit is None:
        if not rule.pathwise:
            return GAE()
        return HER() if spec.is_goal_env else FloatingNStep()
    scheme = resolve(credit)
    if getattr(scheme, "needs_goals", False) and not spec.is_goal_env:
        raise ConfigError(
            f"credit = {scheme!r} on {spec.env_id}, which has no goals: hindsight needs a goal "
            "environment, one whose observation is a Dict with observation, achieved_goal and "
            "desired_goal; choose another credit scheme or environment"
        )
    if getattr(scheme, "relabels", False) and not rule.pathwise:
        raise ConfigError(
            f"credit = {scheme!r} with the likelihood-ratio rule {type(rule).__name__}: goals "
            "chosen because of the outcome break its expectation; use a pathwise rule "
            "(bellman=True), or credit='shifted_goals' where the goal moves by itself"
        )
    return scheme


def _law(description: BrainDescription) -> SamplingLaw:
    """Return the sampling law named, or the default that follows from prio_schedule."""
    law: Any = description.sampler
    if law is None:
        return Uniform() if description.prio_schedule is None else ImportanceRatio()
    if isinstance(law, str) and law in LAWS:
        law = LAWS[law]()
    if not isinstance(law, SamplingLaw) or isinstance(law, type):
        raise ConfigError(f"sampler = {law!r}: allowed is one of {sorted(LAWS)} or a sampling law")
    return law


def _name(description: BrainDescription, rule: Rule, taken: list[str]) -> str:
    """Return the brain's name, made unique within its list."""
    base = description.name or type(rule).__name__.lower()
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name
