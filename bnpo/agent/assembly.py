"""From a brain list to an agent's networks, shared and detached, and its brains."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bnpo import seeding
from bnpo.agent.brain import Brain
from bnpo.agent.fitting import (
    make_brain,
    name_of,
    require_own_target,
    scheme_of,
    values_otherwise,
)
from bnpo.brains import (
    Networks,
    PolicyExchange,
    resolve_rule,
    target_of,
)
from bnpo.brains.rule import Rule
from bnpo.config import AgentConfig, BrainDescription
from bnpo.envs.goal_functions import GoalFunctions
from bnpo.errors import ConfigError
from bnpo.networks import Actor, Critic, Encoder, Memory, build_encoder
from bnpo.planning.guiding import require_simulator
from bnpo.types import TaskSpec

__all__ = ["Parts", "build"]

_DISTINCT = 20
"""Fewest numbers of the agent's floating point type that an action's bounds may hold."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Networks and brains of an agent."""

    spec: TaskSpec
    """The task, its observations as wide as the state that the networks see"""

    encoder: Encoder
    """Normalisation, frame history and memory, shared by all networks"""

    actors: list[Actor]
    """Online actors, the first of which acts; one unless brains exchange theirs"""

    critics: list[Critic]
    """Online critics: one, or one per brain"""

    target_actors: list[Actor]
    """Target actors: one, or one per brain"""

    target_critics: list[Critic]
    """Target critics: one per brain, or one that all share"""

    exchange: PolicyExchange | None
    """Exchanges the weights of several online actors; None: there is one"""

    brains: list[Brain]
    """The brains, in the order of their turns"""


def build(
    spec: TaskSpec,
    descriptions: Sequence[BrainDescription],
    *,
    config: AgentConfig,
    seed: int,
    goal_functions: GoalFunctions | None,
    env_kwargs: Mapping[str, Any],
) -> Parts:
    """Make the networks of an agent and every brain of its list.

    Args:
        spec: the task
        descriptions: of the brains, in the order of turns
        config: what all brains share
        seed: feeds the generators of the brains; the networks take torch's global one
        goal_functions: the task's reward and termination of goals, for hindsight
        env_kwargs: arguments with which environments are made, for rules that plan on one

    Raises:
        ConfigError: naming the brain, the field and what to change.

    """
    device, dtype = torch.device(config.device), getattr(torch, config.dtype)
    _require_bounds(spec, config.dtype)
    networks = config.networks
    if networks.observe_achieved_goal:
        spec = dataclasses.replace(spec, observation_dim=spec.observation_dim + spec.goal_dim)
    rules = [_resolved(index, description) for index, description in enumerate(descriptions)]
    if goal_functions is not None and goal_functions.keys:
        pairs = zip(descriptions, rules, strict=True)
        if any(scheme_of(description, rule, spec).needs_goals for description, rule in pairs):
            spec = dataclasses.replace(spec, info=goal_functions.keys)
    encoder = build_encoder(spec, networks, device, dtype)
    if isinstance(encoder, Memory):
        spec = dataclasses.replace(spec, observation_dim=encoder.state_dim)
    each, features = len(descriptions), encoder.features
    actor = Actor(features, spec, networks, dtype).to(device, dtype)
    critic_of = _critics_of(descriptions, rules, spec, config)
    critics = [
        Critic(features, spec, networks, dtype).to(device, dtype) for _ in range(max(critic_of) + 1)
    ]
    several = config.policies != "shared"
    actors = [actor, *(copy.deepcopy(actor) for _ in range(each - 1 if several else 0))]
    target_actors = [target_of(actor) for _ in range(each if config.detach_actors else 1)]
    followed = critic_of if config.detach_targets else range(len(critics))
    target_critics = [target_of(critics[index]) for index in followed]
    brains: list[Brain] = []
    for index, description in enumerate(descriptions):
        own = Networks(
            encoder=encoder,
            actor=actors[index % len(actors)],
            critic=critics[critic_of[index]],
            target_actor=target_actors[index % len(target_actors)],
            target_critic=target_critics[index if config.detach_targets else critic_of[index]],
        )
        generator = seeding.generator(device, seed, seeding.BRAINS + index)
        shares_target = len(target_actors) < each
        with _named(index, description):
            rule = rules[index]
            require_own_target(description, rule, shares_target)
            require_simulator(rule, spec.env_id, env_kwargs)
            brains.append(
                make_brain(
                    description,
                    rule,
                    own,
                    spec,
                    config=config,
                    goal_functions=goal_functions,
                    generator=generator,
                    name=name_of(description, rule, [brain.name for brain in brains]),
                )
            )
    return Parts(
        spec=spec,
        encoder=encoder,
        actors=actors,
        critics=critics,
        target_actors=target_actors,
        target_critics=target_critics,
        exchange=PolicyExchange(actors, config.policies, config.policy_delay)
        if config.policies != "shared"
        else None,
        brains=brains,
    )


def _require_bounds(spec: TaskSpec, dtype: str) -> None:
    """Refuse actions that the agent's floating point type cannot tell apart."""
    low, high = (np.asarray(bound, dtype) for bound in (spec.action_low, spec.action_high))
    with np.errstate(over="ignore"):
        width = high - low
    apart = np.spacing(np.maximum(np.abs(low), np.abs(high)))
    for index in np.flatnonzero(~np.isfinite(width) | (apart * _DISTINCT > width)):
        bounds = f"[{spec.action_low[index]:.10g}, {spec.action_high[index]:.10g}]"
        wide = "is too wide for" if not np.isfinite(width[index]) else "holds too few numbers of"
        other = "" if dtype == "float64" else ": set agent.dtype = 'float64'"
        raise ConfigError(
            f"{spec.env_id} has actions whose Box {wide} {dtype}: action[{index}] is in {bounds}"
            f"{other}"
        )


@contextmanager
def _named(index: int, description: BrainDescription) -> Iterator[None]:
    """Name the brain in what is refused about it."""
    try:
        yield
    except ConfigError as error:
        called = "" if description.name is None else f" ({description.name})"
        raise ConfigError(f"brain {index}{called}: {error}") from None


def _resolved(index: int, description: BrainDescription) -> Rule:
    with _named(index, description):
        return resolve_rule(description)


def _critics_of(
    descriptions: Sequence[BrainDescription],
    rules: Sequence[Rule],
    spec: TaskSpec,
    config: AgentConfig,
) -> list[int]:
    """Return the number of each brain's critic; those that share one have the same.

    One critic values one policy: a likelihood-ratio brain, whose baseline is the value of the
    policy that acts, does not share it with a pathwise one, which turns it towards other targets
    on other data: on Pendulum DDPG then takes three to four times the steps.
    """
    others = []
    for index, (description, rule) in enumerate(zip(descriptions, rules, strict=True)):
        with _named(index, description):
            scheme = scheme_of(description, rule, spec)
            others.append(values_otherwise(description, rule, scheme))
    critics: list[int] = []
    shared: int | None = None
    for description, rule in zip(descriptions, rules, strict=True):
        apart = not rule.pathwise and any(others) and rule.value_coefficient > 0
        own = description.critic == "own" or (description.critic == "auto" and apart)
        if config.detach_critics or own or shared is None:
            critics.append(max(critics, default=-1) + 1)
            if not (config.detach_critics or own):
                shared = critics[-1]
        else:
            critics.append(shared)
    return critics
