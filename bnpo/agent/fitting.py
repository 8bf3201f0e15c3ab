"""From one description to a brain at work: the one place where flags become objects."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import nn

from bnpo.agent.brain import Brain
from bnpo.agent.crediting import NetworkEvaluator
from bnpo.brains import (
    CriticStep,
    GradientStep,
    LearningStep,
    NaturalGradient,
    NaturalStep,
    Networks,
)
from bnpo.brains.options import Point
from bnpo.brains.rule import Rule, allows_hindsight, weighs_ratio
from bnpo.brains.steps.actor import ActorStep, ActorStepping, Delayed
from bnpo.brains.steps.closed_form import ClosedFormCritic, MeanClimb
from bnpo.brains.steps.compiled import compiled
from bnpo.brains.steps.learning_step import RecurrentStep
from bnpo.brains.steps.optimizers import ActorOptimizer, LeanAdam, MakeOptimizer, fused_adam
from bnpo.brains.steps.sample_floor import SampleFloor
from bnpo.config import AgentConfig, BrainDescription
from bnpo.credit import GAE, HER, FloatingNStep, resolve
from bnpo.envs.goal_functions import GoalFunctions
from bnpo.errors import ConfigError
from bnpo.replay import LAWS, ImportanceRatio, SamplingLaw, Uniform
from bnpo.types import CreditScheme, TaskSpec

__all__ = ["make_brain", "name_of", "require_own_target", "scheme_of", "values_otherwise"]


def climbs_point(description: BrainDescription, scheme: CreditScheme) -> bool:
    """Whether a brain climbs and bootstraps Q at (mu, 0)."""
    return description.climb == "point" or (description.climb == "auto" and scheme.relabels)


def values_otherwise(description: BrainDescription, rule: Rule, scheme: CreditScheme) -> bool:
    """Whether a brain's critic values something else than the return of what acts.

    Point masses where it climbs (mu, 0), and whatever a pathwise rule bootstraps from: target
    actors, smoothed or drawn actions, returns with entropy, on data of every behaviour.
    """
    return climbs_point(description, scheme) or rule.pathwise


def require_own_target(description: BrainDescription, rule: Rule, shared: bool) -> None:
    """Refuse a rule that keeps its best policy in a target actor that is not its own."""
    if rule.keeps_best and description.tau_actor != 0.0:
        raise ConfigError(
            f"tau_actor = {description.tau_actor} with the rule {type(rule).__name__}, which keeps "
            "its best policy in the target actor: set tau_actor=0.0"
        )
    if rule.keeps_best and shared:
        raise ConfigError(
            f"rule = {type(rule).__name__} among brains that share one target actor, in which it "
            "keeps its best policy: set detach_actors=True"
        )


def make_brain(
    description: BrainDescription,
    rule: Rule,
    networks: Networks,
    spec: TaskSpec,
    *,
    config: AgentConfig,
    goal_functions: GoalFunctions | None,
    generator: torch.Generator,
    name: str,
) -> Brain:
    """Join a rule with its credit, its data and its steps."""
    scheme = scheme_of(description, rule, spec)
    law = _law(description, rule)
    climb_point = climbs_point(description, scheme)
    memory = bool(list(networks.encoder.parameters()))
    kind = RecurrentStep if memory else LearningStep
    step = kind(
        rule,
        networks,
        _actor_step(networks, description, config, rule, climb_point),
        _critic_step(networks, description, config, rule, climb_point, generator),
        climb_point=climb_point,
        generator=generator,
        target_bounds=config.target_bounds,
        max_log_ratio=config.max_log_ratio,
        measures_ratio=isinstance(law, ImportanceRatio),
    )
    evaluator = NetworkEvaluator(
        step,
        spec,
        goal_functions,
        gamma=config.gamma_schedule or config.gamma,
        acting=not rule.pathwise,
        generator=generator,
    )
    on_policy = _learns_on_policy(description, rule, config)
    return Brain(
        name,
        description,
        config,
        step,
        scheme,
        law,
        evaluator,
        generator,
        on_policy=on_policy,
        compiled=compiled(step, config.compile, config.networks.matmul)
        if config.closed_form
        else None,
    )


def _learns_on_policy(description: BrainDescription, rule: Rule, config: AgentConfig) -> bool:
    """Whether a brain learns from segments alone that the policy itself acted.

    Raises:
        ConfigError: no environment acts on-policy.

    """
    corrects = rule.pathwise if rule.corrects_behaviour is None else rule.corrects_behaviour
    if description.sources == "all" or (description.sources == "auto" and corrects):
        return False
    noise = config.parameter_noise
    alone = config.on_policy_share > 0 or 1.0 in config.exploration
    if noise is not None or not alone:
        why = f"exploration = {config.exploration}" if noise is None else f"noise = {noise}"
        raise ConfigError(
            f"sources = {description.sources!r} with agent.{'' if noise is None else 'parameter_'}"
            f"{why}, under which no environment acts on-policy: set agent.on_policy_share above 0 "
            "and parameter_noise=None, or sources='all'"
        )
    return True


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
    lr *= rule.value_coefficient
    parameters = [*networks.critic.parameters(), *networks.encoder.parameters()]
    fast = config.closed_form and not list(networks.encoder.parameters())
    kind = ClosedFormCritic if fast else CriticStep
    return kind(
        networks,
        _adam(config)(parameters, lr),
        regress=_regress(description, rule, climb_point),
        clip_norm=config.clip_norm,
        generator=generator,
    )


def _regress(description: BrainDescription, rule: Rule, climb_point: bool) -> Point:
    """Return where the critic is regressed; a rule may ask for values of single actions."""
    regress: Point = description.regress
    allowed = rule.regress_at
    if regress == "auto":
        return allowed[0] if allowed else "point" if climb_point else "auto"
    if allowed and regress not in allowed:
        raise ConfigError(
            f"regress = {regress!r} with {rule!r}, which asks the critic for values of single "
            f"actions: allowed is one of {', '.join(map(repr, ('auto', *allowed)))}"
        )
    return regress


def _actor_step(
    networks: Networks,
    description: BrainDescription,
    config: AgentConfig,
    rule: Rule,
    climb_point: bool,
) -> ActorStepping:
    """Return the kind of actor's step that rule, description and networks ask for."""
    actor, critic = networks.actor, networks.critic
    memory = list(networks.encoder.parameters())
    parameters = [*actor.parameters(), *memory]
    optimizer = _actor_optimizer(list(actor.parameters()), memory, description, config, rule)
    step: ActorStepping | None = None
    if config.closed_form and not memory:
        step = MeanClimb.of(rule, actor, critic, optimizer, point=climb_point)
    step = step or ActorStep(actor, optimizer)
    if description.ess_floor is not None:
        step = SampleFloor(step, parameters, description.ess_floor, description.ess_action)
    return Delayed(step, description.actor_delay) if description.actor_delay > 1 else step


def _actor_optimizer(
    parameters: list[nn.Parameter],
    memory: list[nn.Parameter],
    description: BrainDescription,
    config: AgentConfig,
    rule: Rule,
) -> ActorOptimizer:
    """Return what moves the actor: Adam, or a natural-gradient step of the actor alone."""
    natural = rule.natural
    if natural is None and description.natural:
        natural = NaturalGradient()
    if natural is not None:
        return NaturalStep(parameters, natural)
    moved = [*parameters, *memory]
    return GradientStep(moved, description.lr_actor, config.clip_norm, adam=_adam(config))


def _adam(config: AgentConfig) -> MakeOptimizer:
    """Return what makes the optimizers."""
    return LeanAdam if config.closed_form else fused_adam


def scheme_of(description: BrainDescription, rule: Rule, spec: TaskSpec) -> CreditScheme:
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
        credit = HER() if spec.is_goal_env else FloatingNStep()
    scheme = resolve(credit)
    if scheme.needs_goals and not spec.is_goal_env:
        raise ConfigError(
            f"credit = {scheme!r} on {spec.env_id}, which has no goals: hindsight needs a goal "
            "environment, one whose observation is a Dict with observation, achieved_goal and "
            "desired_goal; choose another credit scheme or environment"
        )
    if scheme.relabels and not allows_hindsight(rule):
        raise ConfigError(
            f"credit = {scheme!r} with the likelihood-ratio rule {type(rule).__name__}: goals "
            "chosen because of the outcome break its expectation; use a pathwise rule "
            "(bellman=True), rule='awr', or credit='shifted_goals' where the goal moves by itself"
        )
    if isinstance(scheme, HER) and scheme.moving is None and spec.goals_move:
        return dataclasses.replace(scheme, moving=True)
    return scheme


def _law(description: BrainDescription, rule: Rule) -> SamplingLaw:
    """Return the sampling law named, or the default that follows from prio_schedule."""
    law = _named_law(description)
    if isinstance(law, ImportanceRatio) and weighs_ratio(rule):
        field = "prio_schedule" if description.sampler is None else "sampler"
        raise ConfigError(
            f"{field} = {getattr(description, field)!r} with the rule {type(rule).__name__}: what "
            "is drawn by importance ratio must not be weighted by it again; set sampler='uniform' "
            "and prio_schedule=None, or take rule='vpg' or a pathwise rule"
        )
    if description.by_rollout and law.needs:
        raise ConfigError(
            f"sampler = {law!r} with optim_pool_size = 'rollout', which is used up evenly: allowed "
            "is sampler='uniform' with prio_schedule=None, or numbers of transitions"
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


def name_of(description: BrainDescription, rule: Rule, taken: list[str]) -> str:
    """Return the brain's name, made unique within its list."""
    base = description.name or type(rule).__name__.lower()
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name
