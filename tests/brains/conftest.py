"""A small brain on random data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bnpo.brains import ActorStep, CriticStep, GradientStep, LearningStep, Networks, Rule, target_of
from bnpo.brains.steps.closed_form import MeanClimb
from bnpo.config import NetworkConfig
from bnpo.networks import Actor, Critic, Normalizer, gaussian
from bnpo.types import TaskSpec, Transitions

SPEC = TaskSpec(
    env_id="toy", observation_dim=4, goal_dim=2, action_low=(-1.0, -1.0), action_high=(1.0, 1.0)
)

MakeBrain = Callable[..., LearningStep]
MakeBatch = Callable[..., Transitions]


@pytest.fixture
def make_networks() -> Callable[..., Networks]:
    def make(dtype: torch.dtype = torch.float32, **fields: Any) -> Networks:
        torch.manual_seed(0)
        config = NetworkConfig(**{"actor_hidden": (16,), "critic_hidden": (16,), **fields})
        actor = Actor(6, SPEC, config).to(dtype)
        critic = Critic(6, SPEC, config).to(dtype)
        with torch.no_grad():
            actor.head.weight.mul_(10)
        return Networks(
            encoder=Normalizer(4, 2, dtype=dtype),
            actor=actor,
            critic=critic,
            target_actor=target_of(actor),
            target_critic=target_of(critic),
        )

    return make


def actor_step(rule: Rule, networks: Networks, climb_point: bool) -> Any:
    """The kind that assembly would choose."""
    optimizer = GradientStep(list(networks.actor.parameters()), 1e-2)
    closed = MeanClimb.of(rule, networks.actor, networks.critic, optimizer, point=climb_point)
    return closed or ActorStep(networks.actor, optimizer)


@pytest.fixture
def make_brain(make_networks: Callable[..., Networks]) -> MakeBrain:
    def make(rule: Rule, *, climb_point: bool = False, **fields: Any) -> LearningStep:
        regression, options = (
            {key: fields.pop(key) for key in keys if key in fields}
            for keys in (("clip_norm", "regress"), ("target_bounds",))
        )
        networks = make_networks(**fields)
        return LearningStep(
            rule,
            networks,
            actor_step(rule, networks, climb_point),
            CriticStep(
                networks,
                torch.optim.Adam(networks.critic.parameters(), lr=1e-2),
                generator=torch.Generator().manual_seed(0),
                **{"regress": "behaviour", **regression},
            ),
            climb_point=climb_point,
            generator=torch.Generator().manual_seed(1),
            **options,
        )

    return make


@pytest.fixture
def make_batch() -> MakeBatch:
    def make(networks: Networks, size: int = 32, seed: int = 0) -> Transitions:
        dtype = next(networks.actor.parameters()).dtype
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator, dtype=dtype)

        observation, goal = draw(size, 4), draw(size, 2)
        with torch.no_grad():
            mu, sigma = networks.actor(networks.encoder(observation, goal))
        action = mu + sigma * draw(size, 2)
        log_prob = gaussian.log_prob(action, mu, sigma)
        return Transitions(
            observation=observation,
            goal=goal,
            action=action,
            mu=mu,
            sigma=sigma,
            behaviour_log_prob=log_prob,
            proximal_log_prob=log_prob,
            reward=draw(size, 1),
            discount=torch.full((size,), 0.9, dtype=dtype),
            next_observation=draw(size, 4),
            next_goal=goal,
            weight=torch.ones(size, dtype=dtype),
            relabelled=torch.zeros(size, dtype=torch.bool),
            steps=torch.ones(size, dtype=torch.int64),
            log_ratio_rest=torch.zeros(size, dtype=dtype),
        )

    return make
