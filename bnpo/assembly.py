"""From a brain list to brains at work: the one place where flags become objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from bnpo.brains import (
    ActorStep,
    Adam,
    Brain,
    CriticStep,
    GradientStep,
    NaturalGradient,
    NaturalStep,
    Networks,
    resolve_rule,
)
from bnpo.brains.collapse import SampleFloor
from bnpo.brains.critic import Point
from bnpo.brains.rule import Rule
from bnpo.config import AgentConfig, BrainDescription, ConfigError
from bnpo.credit import GAE, HER, FloatingNStep, resolve
from bnpo.guiding import require_guidable
from bnpo.learner import Learner
from bnpo.network_evaluator import NetworkEvaluator
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
            called = "" if description.name is None else f" ({description.name})"
            raise ConfigError(f"brain {index}{called}: {error}") from None
        names.append(learner.name)
        learners.append(learner)
    return learners


def _build(agent: Agent, index: int, description: BrainDescription, taken: list[str]) -> Learner:
    config = agent.config
    rule = resolve_rule(description)
    require_guidable(agent, description, rule)
    scheme = _scheme(description, rule, agent.spec)
    law = _law(description, rule)
    relabels = bool(getattr(scheme, "relabels", False))
    climb_point = description.climb == "point" or (description.climb == "auto" and relabels)
    critic = index % len(agent.critics)
    networks = Networks(
        encoder=agent.encoder,
        actor=agent.actors[index % len(agent.actors)],
        critic=agent.critics[critic],
        target_actor=agent.target_actors[index % len(agent.target_actors)],
        target_critic=agent.target_critics[critic],
    )
    generator = agent.new_generator(1 + index)
    brain = Brain(
        rule,
        networks,
        _actor_step(networks, description, config, rule),
        _critic_step(networks, description, config, rule, climb_point, generator),
        climb_point=climb_point,
        target_bounds=config.target_bounds,
        max_log_ratio=config.max_log_ratio,
        floor=None
        if description.ess_floor is None
        else SampleFloor(floor=description.ess_floor, action=description.ess_action),
    )
    evaluator = NetworkEvaluator(
        networks,
        agent.spec,
        agent.reward_of,
        gamma=_discount(agent),
        climb_point=climb_point,
        generator=generator,
    )
    name = _name(description, rule, taken)
    return Learner(name, description, config, brain, scheme, law, evaluator, generator)


def _discount(agent: Agent) -> Callable[[], float]:
    """Return what tells the discount factor of the moment."""
    config = agent.config
    schedule = config.gamma_schedule
    if schedule is None:
        return lambda: config.gamma
    return lambda: float(schedule(agent.env_steps))


def _critic_step(
    networks: Networks,
    description: BrainDescription,
    config: AgentConfig,
    rule: Rule,
    climb_point: bool,
    generator: torch.Generator,
) -> CriticStep:
    """Return the brain's own step of the critic; a rule's value coefficient scales it.

    Adam's step does not depend on the scale of a loss, and critic and actor share no parameter but
    those of a memory, which each trains with its own learning rate.
    """
    lr = description.lr_critic or config.lr_critic
    lr *= getattr(rule, "value_coefficient", 1.0)
    parameters = [*networks.critic.parameters(), *networks.encoder.parameters()]
    return CriticStep(
        networks,
        Adam(parameters, lr),
        regress=_regress(description, rule, climb_point),
        clip_norm=config.clip_norm,
        generator=generator,
    )


def _regress(description: BrainDescription, rule: Rule, climb_point: bool) -> Point:
    """Return where the critic is regressed; a rule may ask for values of single actions."""
    regress: Point = description.regress
    allowed: tuple[Point, ...] = getattr(rule, "regress_at", ())
    if regress == "auto":
        return allowed[0] if allowed else "point" if climb_point else "auto"
    if allowed and regress not in allowed:
        raise ConfigError(
            f"regress = {regress!r} with {rule!r}, which asks the critic for values of single "
            f"actions: allowed is one of {', '.join(map(repr, ('auto', *allowed)))}"
        )
    return regress


def _actor_step(
    networks: Networks, description: BrainDescription, config: AgentConfig, rule: Rule
) -> ActorStep:
    parameters = list(networks.actor.parameters())
    natural = getattr(rule, "natural", None)
    if natural is None and description.natural:
        natural = NaturalGradient()
    if natural is not None:
        return NaturalStep(parameters, natural)
    memory = networks.encoder.parameters()
    return GradientStep([*parameters, *memory], description.lr_actor, config.clip_norm)


def _scheme(description: BrainDescription, rule: Rule, spec: TaskSpec) -> CreditScheme:
    """Return the credit scheme named, or the default of the brain's kind."""
    credit: Any = description.credit
    if isinstance(rule, CreditScheme):
        if credit is not None:
            raise ConfigError(
                f"credit = {credit!r} with the rule {type(rule).__name__}, which assigns its own "
                "credit: leave credit=None"
            )
        return rule
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


def _law(description: BrainDescription, rule: Rule) -> SamplingLaw:
    """Return the sampling law named, or the default that follows from prio_schedule."""
    law = _named_law(description)
    if isinstance(law, ImportanceRatio) and getattr(rule, "weighs_ratio", False):
        field = "prio_schedule" if description.sampler is None else "sampler"
        raise ConfigError(
            f"{field} = {getattr(description, field)!r} with the rule {type(rule).__name__}: what "
            "is drawn by importance ratio must not be weighted by it again; set sampler='uniform' "
            "and prio_schedule=None, or take rule='vpg' or a pathwise rule"
        )
    return law


def _named_law(description: BrainDescription) -> SamplingLaw:
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
