"""One brain at work: its credit, its pool, its schedule, its targets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnpo.brains import Brain, Follower, Learnt
from bnpo.brains.guided import Reviewing, review
from bnpo.brains.rule import Info
from bnpo.config import AgentConfig, BrainDescription
from bnpo.credit import with_later_ratios
from bnpo.credit.checks import check_columns
from bnpo.health import Diverged, gradient_norms, require_finite_networks
from bnpo.network_evaluator import NetworkEvaluator
from bnpo.networks import Actor, Recall
from bnpo.replay import (
    BadPriority,
    ImportanceRatio,
    Pool,
    SamplingLaw,
    SegmentTable,
    effective_sample_size,
)
from bnpo.types import CreditScheme, Transitions

__all__ = ["Diverged", "Learner", "TurnReport"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnReport:
    """What a brain did in one turn."""

    gradient_steps: int
    """Gradient steps that it took."""

    info: dict[str, float]
    """Scalars of the turn, the last value of each."""


class Learner:
    """Gives one brain its turns: credit on arrival, rounds of minibatches, target updates."""

    def __init__(
        self,
        name: str,
        description: BrainDescription,
        config: AgentConfig,
        brain: Brain,
        scheme: CreditScheme,
        law: SamplingLaw,
        evaluator: NetworkEvaluator,
        generator: torch.Generator,
    ) -> None:
        """Join a brain with its data."""
        self.name = name
        self.description = description
        self.config = config
        self.brain = brain
        self.scheme = scheme
        self.law = law
        self.evaluator = evaluator
        self.generator = generator
        self.pool = Pool(description.optim_pool_size, law)
        self.rounds = 0
        self.gradient_steps = 0
        self.exponent: float | None = None
        self._info: Info = {}  # of the turn, the last of each scalar
        self._step_scales: list[Tensor] = []  # of the turn, under a floor of the samples
        networks = brain.networks
        self._actor_follower = Follower(
            networks.target_actor, networks.actor, description.tau_actor
        )
        self._critic_follower = Follower(
            networks.target_critic, networks.critic, description.tau_critic
        )
        self._uniform = not law.needs
        self._resampled = isinstance(law, ImportanceRatio)
        self._draws = description.recalc_delay > 0 or description.optim_epochs > 1
        self._checked = False
        self._kstep = isinstance(law, ImportanceRatio) and law.kstep
        self._needs_proximal = not getattr(scheme, "sets_proximal", False) and (
            not brain.rule.pathwise or description.ppo_eps is not None
        )

    def due(self, vector_steps: int) -> bool:
        """Whether the brain's schedule gives it a turn now."""
        return vector_steps % self.description.learning_delay == 0

    def receive(self, table: SegmentTable, rows: Tensor, *, by_recorded: bool = False) -> None:
        """Assign credit to finished segments [K] and push their transitions into the pool.

        With by_recorded ratios refer to the distributions recorded when the actions were taken.
        """
        length = table.trajectories.length[rows]
        segment = rows.repeat_interleave(length)
        starts = (length.cumsum(0) - length).repeat_interleave(length)
        time = torch.arange(len(segment), device=segment.device) - starts
        self._push(self.credit(table, segment, time, by_recorded=by_recorded))

    def take_turn(
        self, table: SegmentTable, env_steps: int, bootstrap_actors: list[Actor]
    ) -> TurnReport | None:
        """Learn for one turn, or wait (None) until the pool is large enough.

        Args:
            table: the shared replay, for reanalysis
            env_steps: environment steps so far, for schedules
            bootstrap_actors: target actors of all brains, from which TD targets may draw

        """
        description = self.description
        if len(self.pool) < description.optim_batch_size:
            return None
        schedule = description.prio_schedule
        if schedule is not None:
            self.exponent = float(schedule(env_steps) if callable(schedule) else schedule)
        self._info, self._step_scales = {}, []
        self._review(table)
        before = self.gradient_steps
        for _ in range(description.learning_repeat // description.optim_epochs):
            try:
                batch, learnt = self._round(table, bootstrap_actors)
            except BadPriority as error:
                where = f"at environment step {env_steps}"
                raise Diverged(f"brain {self.name!r}: {error}, {where}") from error
            if self._should_stop(learnt):
                break
        self._info = gradient_norms(self.brain) | self._info
        if self._step_scales:
            self._info["actor_step_scale"] = torch.stack(self._step_scales).mean()
        log_ratio, kl = self.brain.drift(batch)
        if len(kl):
            self._info["effective_sample_size"] = effective_sample_size(log_ratio)
            self._info["kl_behaviour"] = kl.mean()
        info = {key: float(value.detach()) for key, value in self._info.items()}
        info |= self.brain.state
        self._check_finite(info, env_steps)
        require_finite_networks(self.name, self.brain.networks, env_steps)
        self.brain.end_turn(info)
        return TurnReport(gradient_steps=self.gradient_steps - before, info=info)

    def _review(self, table: SegmentTable) -> None:
        """Let a rule that keeps its best policy judge the one that its last turn left."""
        rule, networks = self.brain.rule, self.brain.networks
        if not isinstance(rule, Reviewing):
            return
        newest = self.description.optim_batch_size
        segment, _ = table.draw(newest, newest, self.generator)
        sample = table.trajectories[segment.unique()]
        self.brain.state.update(
            review(
                rule,
                sample,
                self.evaluator,
                networks.actor,
                networks.target_actor,
                self.brain.state,
            )
        )

    def credit(
        self,
        table: SegmentTable,
        segment: Tensor,
        time: Tensor,
        *,
        by_recorded: bool = False,
        refresh: bool = False,
    ) -> Transitions:
        """Credit of the transitions at (segment, time), both [B], by today's networks.

        With refresh what a memory holds is theirs, too, not that of when the actions were taken.
        """
        trajectories, encoder = table.trajectories, self.brain.networks.encoder
        if refresh and isinstance(encoder, Recall):
            rows, segment = segment.unique(return_inverse=True)
            trajectories = trajectories[rows]
            states = encoder.refresh(trajectories.observation)
            trajectories = trajectories.replace(observation=states)
        transitions = self.scheme.assign(trajectories, segment, time, self.evaluator)
        if self._kstep:
            transitions = with_later_ratios(
                transitions, trajectories, segment, time, self.evaluator
            )
        if not self._checked:
            expected = trajectories.n_step(segment, time, torch.ones_like(time), 0.0)
            check_columns(type(self.scheme).__name__, transitions, expected)
            self._checked = True
        if self._needs_proximal:
            proximal = self._proximal_log_prob(transitions, by_recorded)
            transitions = transitions.replace(proximal_log_prob=proximal)
        return transitions

    def _proximal_log_prob(self, transitions: Transitions, by_recorded: bool) -> Tensor:
        """Log density [B] to which ratios refer: recorded, of the target or of the online actor."""
        asked = (transitions.observation, transitions.goal, transitions.action)
        if self.config.stable_probs:
            return self.evaluator.target_log_prob(*asked)
        if not by_recorded or self.brain.rule.pathwise:  # whose goals may be others
            return self.evaluator.log_prob(*asked)
        if self.config.exploration == (1.0,):
            return transitions.behaviour_log_prob.clone()
        return self.evaluator.log_prob(*asked, around=transitions.mu)

    def _push(self, transitions: Transitions) -> None:
        """Put transitions into the pool; by importance, with their ratios of today."""
        if not self._resampled:
            self.pool.push(transitions)
            return
        log_prob = self.evaluator.log_prob(
            transitions.observation, transitions.goal, transitions.action
        )
        log_ratio = log_prob - transitions.behaviour_log_prob
        self.pool.push(
            transitions, self._priority(transitions, log_ratio, torch.zeros_like(log_ratio))
        )

    def _priority(self, batch: Transitions, log_ratio: Tensor, td_error: Tensor) -> Tensor:
        return self.law.priority(
            log_ratio,
            batch.log_ratio_rest,
            td_error,
            exponent=self.exponent,
            max_log_ratio=self.config.max_log_ratio,
        )

    def _round(
        self, table: SegmentTable, bootstrap_actors: list[Actor]
    ) -> tuple[Transitions, Learnt]:
        """Take one draw of the pool, optim_epochs minibatches of it, then the targets' updates.

        Returns the last minibatch and what was learnt from it.
        """
        description = self.description
        learnt: Learnt | None = None
        first = 0
        if self._reanalyses():
            batch = self._reanalyse(table)
            if len(batch) > description.batch_size:
                batch = batch[: description.batch_size]
            learnt = self._learn(batch, None, None, bootstrap_actors)
            first = 1
        if first < description.optim_epochs:
            drawn, index, weight = self.pool.draw(description.optim_batch_size, self.generator)
            weighted = not self._uniform
            for epoch in range(first, description.optim_epochs):
                at = self._minibatch(epoch, index.device)
                batch = drawn[at]
                learnt = self._learn(
                    batch, index[at], weight[at] if weighted else None, bootstrap_actors
                )
        self.rounds += 1
        if self.rounds % description.sync_delta_a == 0:
            self._actor_follower.sync()
        if self.rounds % description.sync_delta_c == 0:
            self._critic_follower.sync()
        assert learnt is not None  # optim_epochs >= 1
        return batch, learnt

    def _reanalyses(self) -> bool:
        delay = self.description.recalc_delay
        if delay == 0:
            return True
        return self._uniform_number() * (delay + 1) < 1.0

    def _uniform_number(self) -> float:
        """One number of U[0, 1) from the brain's own generator."""
        device = self.generator.device
        return float(torch.rand((), generator=self.generator, device=device))

    def _reanalyse(self, table: SegmentTable) -> Transitions:
        """Go back to the replay for a draw and re-assign its credit.

        It is pushed into the pool, unless no round of this brain ever draws from there.
        """
        description = self.description
        segment, time = table.draw(
            description.optim_batch_size, description.memory_size, self.generator
        )
        transitions = self.credit(table, segment, time, refresh=True)
        if self._draws:
            self._push(transitions)
        return transitions

    def _minibatch(self, epoch: int, device: torch.device) -> Tensor | slice:
        """Rows of the draw that make up the given minibatch; wraps where the draw is too short."""
        size, total = self.description.batch_size, self.description.optim_batch_size
        start = epoch * size % total
        if start + size <= total:
            return slice(start, start + size)
        return torch.arange(start, start + size, device=device) % total

    def _learn(
        self,
        batch: Transitions,
        index: Tensor | None,
        weight: Tensor | None,
        bootstrap_actors: list[Actor],
    ) -> Learnt:
        """One gradient step on one minibatch; its priorities go back to the pool."""
        learnt = self.brain.learn(
            batch,
            weight=weight,
            resampled=self._resampled and index is not None,
            bootstrap_actor=self._bootstrap_actor(bootstrap_actors),
            train_actor=self.gradient_steps % self.description.actor_delay == 0,
            wants_ratio=self._resampled,
            train_encoder=not self._freezes_encoder(),
        )
        self.gradient_steps += 1
        self._info |= learnt.info
        if "actor_step_scale" in learnt.info:
            self._step_scales.append(learnt.info["actor_step_scale"])
        if not self._uniform and index is not None:
            log_ratio = learnt.log_ratio
            td_error = learnt.td_error
            if log_ratio is None:
                log_ratio = torch.zeros_like(td_error)
            self.pool.update(index, self._priority(batch, log_ratio, td_error))
        return learnt

    def _freezes_encoder(self) -> bool:
        """Whether the encoder stays as it is in this round: in the last of every freeze_delta."""
        delta, count = self.config.freeze_delta, self.config.freeze_count
        return delta is not None and self.rounds % delta >= delta - (count or 0)

    def _bootstrap_actor(self, actors: list[Actor]) -> Actor:
        if self.description.separate_actors or len(actors) == 1:
            return self.brain.networks.target_actor
        return actors[int(self._uniform_number() * len(actors))]

    def _should_stop(self, learnt: Learnt) -> bool:
        """Whether the policy moved further than the rule's target KL in this turn."""
        target_kl = getattr(self.brain.rule, "target_kl", None)
        kl = learnt.info.get("approximate_kl")
        return target_kl is not None and kl is not None and float(kl) > target_kl

    def _check_finite(self, info: dict[str, float], env_steps: int) -> None:
        for quantity, value in info.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"brain {self.name!r}: {quantity} = {value} at environment step {env_steps}"
                )

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides this brain's future, the shared networks aside."""
        return {
            "rounds": self.rounds,
            "gradient_steps": self.gradient_steps,
            "exponent": self.exponent,
            "pool": self.pool.state_dict(),
            "generator": self.generator.get_state(),
            "actor_step": self.brain.actor_step.state_dict(),
            "critic_optimizer": self.brain.critic_step.optimizer.state_dict(),
            "rule": dict(self.brain.state),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.rounds = state["rounds"]
        self.gradient_steps = state["gradient_steps"]
        self.exponent = state["exponent"]
        self.pool.load_state_dict(state["pool"])
        self.generator.set_state(state["generator"])
        self.brain.actor_step.load_state_dict(state["actor_step"])
        self.brain.critic_step.optimizer.load_state_dict(state["critic_optimizer"])
        self.brain.state.update(state["rule"])
