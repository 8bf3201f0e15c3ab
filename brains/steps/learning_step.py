"""One gradient step of a brain: TD targets, the critic's step and the actor's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from bnpo.brains.entropy import EntropyBonus, entropy_bonus
from bnpo.brains.networks import Networks
from bnpo.brains.rule import Info, NextPolicy, Rule, Sample
from bnpo.brains.steps.actor import ActorStepping
from bnpo.brains.steps.critic import CriticStep
from bnpo.brains.steps.minibatch import Draw, Minibatch, PolicyOutput, standard_normal
from bnpo.networks import Actor, gaussian
from bnpo.types import Transitions

__all__ = ["LearningStep", "Learnt", "RecurrentStep"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Learnt:
    """What one gradient step measured of its minibatch."""

    info: Info
    """Scalars for the log"""

    error: Tensor
    """[E, B, R], y - Q of every member before the step"""

    log_ratio: Tensor | None
    """[B], log π_θ/π_b before the step; None unless the sampling law needs it"""

    @property
    def td_error(self) -> Tensor:
        """TD error summed over reward components and averaged over the ensemble, [B]."""
        return self.error.sum(-1).mean(0)


class LearningStep:
    """Moves the critic to y and the actor up its rule's objective, on one minibatch."""

    def __init__(
        self,
        rule: Rule,
        networks: Networks,
        actor_step: ActorStepping,
        critic_step: CriticStep,
        *,
        climb_point: bool,
        generator: torch.Generator,
        target_bounds: tuple[float, float] | None = None,
        max_log_ratio: float = 10.0,
        measures_ratio: bool = False,
    ) -> None:
        """Join a rule with networks and steps.

        Args:
            rule: the objective of the actor
            networks: what the brain may read
            actor_step: its own step of the shared actor
            critic_step: its own regression of the online critic
            climb_point: climb and bootstrap Q at (mu, 0) instead of (mu, sigma)
            generator: the brain's own, of every random number of rule and step
            target_bounds: known bounds of the return, which do not bound it with entropy
            max_log_ratio: bound on |log rho|
            measures_ratio: whether every step tells the importance ratios of its samples

        """
        self.rule = rule
        self.networks = networks
        self.actor_step = actor_step
        self.critic_step = critic_step
        self.climb_point = climb_point
        self.generator = generator
        self.max_log_ratio = max_log_ratio
        self.measures_ratio = measures_ratio
        self.freezes_memory = False
        """Whether the encoder's memory, if there is one, stays as it is in the present round"""
        self.holds_actor = False
        """Whether the actor stays as it is, since its turn has used up its budget"""
        self._moves_point = type(rule).bootstrap_point is not Rule.bootstrap_point
        self.entropy = entropy_bonus(rule.entropy, networks.actor.half_range)
        soft = self.entropy is not None and self.entropy.in_target
        self.target_bounds = None if soft else target_bounds
        self.state: dict[str, float] = rule.initial_state()
        if self.entropy is not None:
            self.state |= self.entropy.initial_state()

    def take(
        self,
        batch: Transitions,
        bootstrap_actor: Actor | None = None,
        *,
        weight: Tensor | None = None,
        resampled: bool = False,
        number: int = 0,
    ) -> Learnt:
        """Take one gradient step of the critic and one of the actor.

        Args:
            batch: the minibatch
            bootstrap_actor: pi' of the TD target; the brain's own target actor by default
            weight: [B], importance weights of the sampler
            resampled: whether it was drawn by importance resampling
            number: gradient steps that the brain took before

        """
        minibatch = self.prepared(batch, bootstrap_actor, weight, resampled, number)
        error, info = self.move(minibatch)
        log_ratio = minibatch.log_ratio if self.measures_ratio else None
        return Learnt(info=info, error=error, log_ratio=log_ratio)

    def move(self, minibatch: Minibatch) -> tuple[Tensor, Info]:
        """Move the critic, then the actor; return the critic's error before that, [E, B, R]."""
        error, critic_info = self.critic_step(minibatch)  # where: regression_point
        return error, critic_info | self.climb_actor(minibatch)

    def take_each(
        self, draw: Draw, bootstrap_actors: Sequence[Actor], resampled: bool, number: int
    ) -> Iterator[Learnt]:
        """Take a gradient step on each minibatch of a draw, as it is asked for.

        Args:
            draw: the minibatches
            bootstrap_actors: pi' of the TD target of each
            resampled: whether they were drawn by importance resampling
            number: gradient steps that the brain took before

        """
        for at, actor in enumerate(bootstrap_actors):
            batch, _, weight, *_ = draw.minibatch(at)
            yield self.take(batch, actor, weight=weight, resampled=resampled, number=number + at)

    def prepared(
        self,
        batch: Transitions,
        bootstrap_actor: Actor | None,
        weight: Tensor | None,
        resampled: bool,
        number: int,
    ) -> Minibatch:
        """Return the minibatch with its features, TD targets and baselines."""
        features = self.networks.encoder(batch.observation, batch.goal)
        baseline = batch.discount[:0]
        if not self.rule.pathwise:
            with torch.no_grad():
                baseline = self.networks.critic.value(features, batch.mu, batch.sigma).sum(-1)
        return Minibatch(
            batch=batch,
            features=features.detach() if self.freezes_memory else features,
            td_target=self.td_target(batch, bootstrap_actor or self.networks.target_actor),
            baseline=baseline,
            weight=weight,
            resampled=resampled,
            number=number,
            look=self.actor_step.look,
            generator=self.generator,
        )

    def climb_actor(self, minibatch: Minibatch) -> Info:
        """Take the actor's step, unless the actor is held; the rule's numbers may follow it."""
        if self.holds_actor:
            return {}
        info = self.actor_step(minibatch, partial(self.objective, minibatch))
        if self.rule.adapts_each_step and info:
            self.adapt({key: float(value.detach()) for key, value in info.items()})
        return info

    @torch.no_grad()
    def td_target(self, batch: Transitions, actor: Actor) -> Tensor:
        """Return TD targets y = r + discount Q'(s', g', pi'(s', g')), [B, R], soft with entropy."""
        next_q = self.next_value(batch.next_observation, batch.next_goal, actor)
        y = torch.addcmul(batch.reward, batch.discount[:, None], next_q)
        return y if self.target_bounds is None else y.clamp_(*self.target_bounds)

    @torch.no_grad()
    def next_value(self, observation: Tensor, goal: Tensor, actor: Actor) -> Tensor:
        """Return the value of an actor's policy as TD targets bootstrap from it, [B, R].

        It is Q' at the rule's bootstrapping point, plus c H where entropy enters the targets.
        """
        features = self.networks.encoder(observation, goal)
        mu, sigma = (self.networks.actor if self.rule.bootstraps_online else actor)(features)
        point, scale = mu, sigma
        if self._moves_point:
            noise = partial(standard_normal, mu, self.generator)
            own = self.networks.actor
            point, scale = self.rule.bootstrap_point(
                NextPolicy(
                    mu=mu, sigma=sigma, half_range=own.half_range, clip=own.clip, noise=noise
                )
            )
        value: Tensor = self.networks.target_critic.value(features, point, self.critic_scale(scale))
        if self.entropy is not None and self.entropy.in_target:
            value = value + self.target_entropy(sigma)[:, None] / value.shape[-1]
        return value

    @torch.no_grad()
    def next_entropy(self, observation: Tensor, goal: Tensor, actor: Actor) -> Tensor:
        """Return the entropy bonus that is part of :meth:`next_value`, [B]."""
        actor = self.networks.actor if self.rule.bootstraps_online else actor
        return self.target_entropy(actor(self.networks.encoder(observation, goal))[1])

    def target_entropy(self, sigma: Tensor) -> Tensor:
        """Return the bonus c H of scales [B, A] that enters TD targets, [B]; 0 if none does."""
        if self.entropy is None or not self.entropy.in_target:
            return torch.zeros_like(sigma[:, 0])
        return self.entropy.weight(self.state) * gaussian.entropy(sigma)

    def objective(self, minibatch: Minibatch, policy: PolicyOutput) -> tuple[Tensor, Info]:
        """Return the rule's objective and its entropy bonus, [B], and scalars for the log."""
        spread = None if self.entropy is None else gaussian.entropy(policy.sigma)
        bonus = torch.zeros_like(policy.mu[:, 0])
        if self.entropy is not None and spread is not None:
            bonus = self.entropy.weight(self.state) * spread
        features = minibatch.features.detach()
        value, info = self.rule.objective(
            Sample(
                batch=minibatch.batch,
                mu=policy.mu,
                sigma=policy.sigma,
                raw=policy.raw,
                td_target=minibatch.td_target.sum(-1),
                baseline=minibatch.baseline,
                climb=partial(self.climb, features),
                climb_members=partial(self.climb_members, features),
                played=self.networks.actor.clip(minibatch.batch.action),
                clip=self.networks.actor.clip,
                noise=minibatch.noise,
                entropy_bonus=bonus,
                max_log_ratio=self.max_log_ratio,
                state=self.state,
            )
        )
        if spread is not None:
            value = value if self.rule.adds_entropy else value + bonus
            info = info | {"entropy": spread.detach().mean()}
        return value, info

    def climb(self, features: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        """Return Q of the online critic at (mu, sigma) as this brain climbs it, [B]."""
        return self.networks.critic.value(features, mu, self.critic_scale(sigma)).sum(-1)

    def climb_members(self, features: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
        """Return Q of every member of the ensemble at (mu, sigma), [E, B]; see :meth:`climb`."""
        members: Tensor = self.networks.critic(features, mu, self.critic_scale(sigma))
        return members.sum(-1)

    def critic_scale(self, sigma: Tensor) -> Tensor:
        """Return the scale at which this brain climbs and bootstraps Q: sigma, or 0."""
        return torch.zeros_like(sigma) if self.climb_point else sigma

    def adapt(self, info: Mapping[str, float]) -> None:
        """Move the rule's own numbers and a tuned entropy by scalars for the log.

        The step itself does so after every step of the actor where the rule asks for that
        (``adapts_each_step``), the brain after every turn where it does not.
        """
        parts: tuple[Rule | EntropyBonus | None, ...] = (self.rule, self.entropy)
        for part in parts:
            if part is not None:
                self.state.update(part.adapt(self.state, info))

    @torch.no_grad()
    def drift(self, batch: Transitions) -> tuple[Tensor, Tensor]:
        """Return how far the policy is from those that acted: log π_θ/π_b and KL(π_b || π_θ), [K].

        Of the K transitions of the batch whose behaviour distribution is known: not a point mass.
        """
        if not bool((known := batch.sigma.amin(-1) > 0).all()):
            batch = batch[known]
        mu, sigma = self.networks.actor(self.networks.encoder(batch.observation, batch.goal))
        log_ratio = gaussian.log_prob(batch.action, mu, sigma) - batch.behaviour_log_prob
        return log_ratio, gaussian.kl_divergence(batch.mu, batch.sigma, mu, sigma)


class RecurrentStep(LearningStep):
    """A learning step of networks behind a memory, which learns from the actor's and the critic's.

    The actor moves first, so that the ratio of what has just been done is exactly 1.
    """

    def move(self, minibatch: Minibatch) -> tuple[Tensor, Info]:
        """Move the actor, then the critic and the memory with it."""
        if self.freezes_memory:
            return super().move(minibatch)
        actor_info = self.climb_actor(minibatch)
        if self.measures_ratio:
            _ = minibatch.log_ratio  # of the features before the critic's step
        batch = minibatch.batch
        minibatch.features = self.networks.encoder(batch.observation, batch.goal)
        error, critic_info = self.critic_step(minibatch)
        return error, critic_info | actor_info
