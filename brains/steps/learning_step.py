"""A brain's learning step: TD targets, the critic's step and the actor's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from bnpo.brains.entropy import EntropyBonus, entropy_bonus
from bnpo.brains.losses import td_target
from bnpo.brains.networks import Networks
from bnpo.brains.rule import Info, Rule, Sample
from bnpo.brains.steps.closed_form import MeanClimb
from bnpo.brains.steps.critic import CriticStep
from bnpo.brains.steps.optimizers import ActorStep
from bnpo.brains.steps.sample_floor import SampleFloor
from bnpo.networks import Actor, gaussian
from bnpo.types import Transitions

__all__ = ["LearningStep", "Learnt"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Learnt:
    """What one gradient step found out about its minibatch."""

    info: Info
    """Scalars for the log"""

    error: Tensor
    """[E, B, R], y - Q of every member before the step"""

    log_ratio: Tensor | None
    """[B], log pi_theta / pi_behaviour before the step; None where it was not asked for"""

    @property
    def td_error(self) -> Tensor:
        """Error summed over reward components and averaged over the ensemble, [B]."""
        return self.error.sum(-1).mean(0)


class LearningStep:
    """One learning rule at work on the shared actor and a critic."""

    def __init__(
        self,
        rule: Rule,
        networks: Networks,
        actor_step: ActorStep,
        critic_step: CriticStep,
        *,
        climb_point: bool,
        target_bounds: tuple[float, float] | None = None,
        max_log_ratio: float = 10.0,
        floor: SampleFloor | None = None,
    ) -> None:
        """Join a rule with networks and optimizers.

        Args:
            rule: the objective of the actor
            networks: what the brain may read
            actor_step: its own optimizer over the shared actor
            critic_step: its own regression of the online critic
            climb_point: climb and bootstrap Q at (mu, 0) instead of (mu, sigma)
            target_bounds: known bounds of the return
            max_log_ratio: bound on |log rho|
            floor: what happens when too few samples of a minibatch count

        """
        self.rule = rule
        self.networks = networks
        self.actor_step = actor_step
        self.critic_step = critic_step
        self.climb_point = climb_point
        self.target_bounds = target_bounds
        self.max_log_ratio = max_log_ratio
        self.floor = floor
        self.entropy = entropy_bonus(rule.entropy)
        self._adaptive: list[Rule | EntropyBonus] = [rule]
        if self.entropy is not None:
            self._adaptive.append(self.entropy)
        self.state: dict[str, float] = {}
        for part in self._adaptive:
            self.state |= part.initial_state()
        memory = networks.encoder.parameters()
        self._actor_parameters = [*networks.actor.parameters(), *memory]

    def take(
        self,
        batch: Transitions,
        *,
        weight: Tensor | None = None,
        resampled: bool = False,
        bootstrap_actor: Actor | None = None,
        train_actor: bool = True,
        wants_ratio: bool = False,
        train_encoder: bool = True,
    ) -> Learnt:
        """Take one gradient step of the critic and one of the actor.

        Args:
            batch: the minibatch
            weight: [B], importance weights of the sampler
            resampled: whether it was drawn by importance resampling
            bootstrap_actor: pi' of the TD target; the brain's own target actor by default
            train_actor: False leaves the actor as it is (delayed policy updates)
            wants_ratio: whether to return the importance ratio of the samples
            train_encoder: False leaves the encoder's memory as it is

        """
        networks = self.networks
        features = networks.encoder(batch.observation, batch.goal)
        shares = features.requires_grad and train_encoder  # a memory learns from both steps
        if features.requires_grad and not train_encoder:
            features = features.detach()
        y = self._td_target(batch, bootstrap_actor or networks.target_actor)
        baseline = batch.discount[:0] if self.rule.pathwise else self._baseline(batch, features)
        moves = (batch, features, y, baseline, weight)
        if shares:  # the actor first, so that the ratio of what has just been done is exactly 1
            log_ratio, info = self._policy_step(*moves, train_actor, wants_ratio)
            features = networks.encoder(batch.observation, batch.goal)
        error, critic_info = self.critic_step.descend(batch, features, y, weight, resampled)
        if not shares:
            log_ratio, info = self._policy_step(*moves, train_actor, wants_ratio)
        return Learnt(info=critic_info | info, error=error, log_ratio=log_ratio)

    def _policy_step(
        self,
        batch: Transitions,
        features: Tensor,
        y: Tensor,
        baseline: Tensor,
        weight: Tensor | None,
        train_actor: bool,
        wants_ratio: bool,
    ) -> tuple[Tensor | None, Info]:
        """Move the actor; return the log ratios [B] before and scalars, where asked for."""
        if not (train_actor or wants_ratio):
            return None, {}
        climb = None if features.requires_grad else self._mean_climb
        trace: list[Tensor] = []
        with torch.set_grad_enabled(climb is None):
            outputs, log_ratio = self.networks.actor.heads(features, trace), None
        if wants_ratio or self.floor is not None:
            mu, sigma, _ = outputs
            log_prob = gaussian.log_prob(batch.action, mu.detach(), sigma.detach())
            log_ratio = log_prob - batch.behaviour_log_prob
        if not train_actor:
            return log_ratio, {}
        if climb is not None:
            step = partial(climb.step, features, outputs, trace, weight)
        else:
            state = features.detach()  # no memory is moved to where Q is large
            step = partial(self._actor_step, batch, state, outputs, y, baseline, weight)
        if self.floor is None or log_ratio is None:
            return log_ratio, step()
        return log_ratio, self.floor.hold(log_ratio, self._actor_parameters, step)

    @property
    def _mean_climb(self) -> MeanClimb | None:
        """The actor's step where its gradient is known in closed form."""
        actor, critic = self.networks.actor, self.networks.critic
        return MeanClimb.of(self.rule, actor, critic, self.actor_step, point=self.climb_point)

    def end_turn(self, info: Mapping[str, float]) -> None:
        """Let the rule's own numbers move after a turn with these scalars for the log."""
        for part in self._adaptive:
            self.state.update(part.adapt(self.state, info))

    @torch.no_grad()
    def drift(self, batch: Transitions) -> tuple[Tensor, Tensor]:
        """How far the policy is from the ones that acted: log π_θ/π_b and KL(π_b || π_θ), [K].

        Of the K transitions of the batch whose behaviour distribution is known: not a point mass.
        """
        if not bool((known := batch.sigma.amin(-1) > 0).all()):
            batch = batch[known]
        mu, sigma = self.networks.actor(self.networks.encoder(batch.observation, batch.goal))
        log_ratio = gaussian.log_prob(batch.action, mu, sigma) - batch.behaviour_log_prob
        return log_ratio, gaussian.kl_divergence(batch.mu, batch.sigma, mu, sigma)

    @torch.no_grad()
    def _td_target(self, batch: Transitions, actor: Actor) -> Tensor:
        """Y = r + discount Q'(s', g', pi'(s', g')), [B, R]; with c H(pi') where entropy enters."""
        features = self.networks.encoder(batch.next_observation, batch.next_goal)
        mu, sigma = actor(features)
        next_q = self.networks.target_critic.value(features, mu, self.critic_scale(sigma))
        if self.entropy is not None and self.entropy.in_target:
            bonus = self.entropy.weight(self.state) * gaussian.entropy(sigma)
            next_q = next_q + bonus[:, None] / next_q.shape[-1]
        return td_target(batch.reward, batch.discount, next_q, self.target_bounds)

    @torch.no_grad()
    def _baseline(self, batch: Transitions, features: Tensor) -> Tensor:
        """Q(s, g, mu_b, sigma_b), [B]."""
        return self.networks.critic.value(features, batch.mu, batch.sigma).sum(-1)

    def _actor_step(
        self,
        batch: Transitions,
        features: Tensor,
        outputs: tuple[Tensor, Tensor, Tensor],
        y: Tensor,
        baseline: Tensor,
        weight: Tensor | None,
    ) -> Info:
        """Move the actor up the rule's objective and its entropy bonus."""
        networks = self.networks
        info: Info = {}
        pending: list[tuple[Tensor, Tensor, Tensor]] = [outputs]

        def objective() -> Tensor:
            mu, sigma, raw = pending.pop() if pending else networks.actor.heads(features)
            value, found = self.rule.objective(
                Sample(
                    batch=batch,
                    mu=mu,
                    sigma=sigma,
                    raw=raw,
                    td_target=y.sum(-1),
                    baseline=baseline,
                    climb=self._climb(features),
                    played=networks.actor.clip(batch.action),
                    max_log_ratio=self.max_log_ratio,
                    state=self.state,
                )
            )
            info.update(found)
            if self.entropy is not None:
                spread = gaussian.entropy(sigma)
                value = value + self.entropy.weight(self.state) * spread
                info["entropy"] = spread.detach().mean()
            return (value if weight is None else value * weight).mean()

        return info | self.actor_step.ascend(objective, lambda: networks.actor(features)) | info

    def _climb(self, features: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        critic = self.networks.critic

        def q_value(mu: Tensor, sigma: Tensor) -> Tensor:
            return critic.value(features, mu, self.critic_scale(sigma)).sum(-1)

        return q_value

    def critic_scale(self, sigma: Tensor) -> Tensor:
        """Sigma as the critic sees it where this brain climbs and bootstraps."""
        return torch.zeros_like(sigma) if self.climb_point else sigma
