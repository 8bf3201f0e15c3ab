"""One brain at work: its turns, and their rounds of minibatches from its pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnpo.agent.crediting import CreditAssignment
from bnpo.agent.evaluator import NetworkEvaluator
from bnpo.agent.finite import gradient_norms, require_finite_networks, require_finite_scalars
from bnpo.agent.priorities import Priorities
from bnpo.brains import Follower, LearningStep, Learnt
from bnpo.brains.rule import Info
from bnpo.brains.rules.guided import review
from bnpo.config import AgentConfig, BrainDescription
from bnpo.errors import BadPriority, Diverged
from bnpo.networks import Actor
from bnpo.replay import Pool, SamplingLaw, SegmentTable, effective_sample_size
from bnpo.types import CreditScheme, Transitions

__all__ = ["Brain", "TurnReport"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnReport:
    """What a brain did in one turn."""

    gradient_steps: int
    """Gradient steps that it took."""

    info: dict[str, float]
    """Scalars of the turn, the last value of each."""


class Brain:
    """Gives one brain its turns: credit on arrival, rounds of minibatches, target updates."""

    def __init__(
        self,
        name: str,
        description: BrainDescription,
        config: AgentConfig,
        step: LearningStep,
        scheme: CreditScheme,
        law: SamplingLaw,
        evaluator: NetworkEvaluator,
        generator: torch.Generator,
    ) -> None:
        """Join a learning step with its credit and its data."""
        self.name = name
        self.description = description
        self.config = config
        self.step = step
        self.evaluator = evaluator
        self.generator = generator
        self.credit = CreditAssignment(scheme, evaluator, step.rule, law, description, config)
        self.priorities = Priorities(law, evaluator, description, config)
        self.pool = Pool(description.optim_pool_size, law)
        self.rounds = 0
        self.gradient_steps = 0
        self._info: Info = {}  # of the turn, the last of each scalar
        self._step_scales: list[Tensor] = []  # of the turn, under a floor of the samples
        networks = step.networks
        self._actor_follower = Follower(
            networks.target_actor, networks.actor, description.tau_actor
        )
        self._critic_follower = Follower(
            networks.target_critic, networks.critic, description.tau_critic
        )
        self._draws = description.recalc_delay > 0 or description.optim_epochs > 1

    def due(self, vector_steps: int) -> bool:
        """Whether the brain's schedule gives it a turn now."""
        return vector_steps % self.description.learning_delay == 0

    def receive(
        self, table: SegmentTable, rows: Tensor, env_steps: int, *, by_recorded: bool = False
    ) -> None:
        """Assign credit to finished segments and push their transitions into the pool.

        Args:
            table: the shared replay
            rows: [K], the segments
            env_steps: environment steps so far
            by_recorded: ratios refer to the distributions recorded when the actions were taken

        Raises:
            Diverged: a priority is not finite

        """
        self.evaluator.env_steps = env_steps
        with self._priorities_named(env_steps):
            self._push(self.credit.assign_whole(table, rows, by_recorded=by_recorded))

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
        self.evaluator.env_steps = env_steps
        self.priorities.follow(env_steps)
        self._info, self._step_scales = {}, []
        self._review(table)
        before = self.gradient_steps
        with self._priorities_named(env_steps):
            for _ in range(description.learning_repeat // description.optim_epochs):
                batch, learnt = self.round(table, bootstrap_actors)
                if self._should_stop(learnt):
                    break
        self._info = gradient_norms(self.step) | self._info
        if self._step_scales:
            self._info["actor_step_scale"] = torch.stack(self._step_scales).mean()
        log_ratio, kl = self.step.drift(batch)
        if len(kl):
            self._info["effective_sample_size"] = effective_sample_size(log_ratio)
            self._info["kl_behaviour"] = kl.mean()
        info = {key: float(value.detach()) for key, value in self._info.items()}
        info |= self.step.state
        require_finite_scalars(self.name, info, env_steps)
        require_finite_networks(self.name, self.step.networks, env_steps)
        self.step.end_turn(info)
        return TurnReport(gradient_steps=self.gradient_steps - before, info=info)

    @contextmanager
    def _priorities_named(self, env_steps: int) -> Iterator[None]:
        """Name brain and step where a priority cannot be kept."""
        try:
            yield
        except BadPriority as error:
            where = f"at environment step {env_steps}"
            raise Diverged(f"brain {self.name!r}: {error}, {where}") from error

    def _review(self, table: SegmentTable) -> None:
        """Let a rule that keeps its best policy judge the one that its last turn left."""
        rule, networks = self.step.rule, self.step.networks
        if not rule.keeps_best:
            return
        newest = self.description.optim_batch_size
        segment, _ = table.draw(newest, newest, self.generator)
        sample = table.trajectories[segment.unique()]
        self.step.state.update(
            review(
                rule,
                sample,
                self.evaluator,
                networks.actor,
                networks.target_actor,
                self.step.state,
            )
        )

    def _push(self, transitions: Transitions) -> None:
        """Put transitions into the pool."""
        self.pool.push(transitions, self.priorities.of_fresh(transitions))

    def round(
        self, table: SegmentTable, bootstrap_actors: list[Actor]
    ) -> tuple[Transitions, Learnt]:
        """Take one draw of the pool, optim_epochs minibatches of it, then the targets' updates.

        Returns the last minibatch and what was learnt from it.
        """
        description = self.description
        self.step.freezes_memory = self._freezes_memory()
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
            weighted = not self.priorities.uniform
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
        transitions = self.credit.assign(table, segment, time, refresh=True)
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
        learnt = self.step.take(
            batch,
            self._bootstrap_actor(bootstrap_actors),
            weight=weight,
            resampled=self.priorities.resampled and index is not None,
            number=self.gradient_steps,
        )
        self.gradient_steps += 1
        self._info |= learnt.info
        if "actor_step_scale" in learnt.info:
            self._step_scales.append(learnt.info["actor_step_scale"])
        if not self.priorities.uniform and index is not None:
            self.pool.update(index, self.priorities.of_learnt(batch, learnt))
        return learnt

    def _freezes_memory(self) -> bool:
        """Whether the encoder stays as it is in this round: in the last of every freeze_delta."""
        delta, count = self.config.freeze_delta, self.config.freeze_count
        return delta is not None and self.rounds % delta >= delta - (count or 0)

    def _bootstrap_actor(self, actors: list[Actor]) -> Actor:
        if self.description.separate_actors or len(actors) == 1:
            return self.step.networks.target_actor
        return actors[int(self._uniform_number() * len(actors))]

    def _should_stop(self, learnt: Learnt) -> bool:
        """Whether the policy moved further than the rule's target KL in this turn."""
        target_kl = self.step.rule.target_kl
        kl = learnt.info.get("approximate_kl")
        return target_kl is not None and kl is not None and float(kl) > target_kl

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides this brain's future, the shared networks aside."""
        return {
            "rounds": self.rounds,
            "gradient_steps": self.gradient_steps,
            "exponent": self.priorities.exponent,
            "pool": self.pool.state_dict(),
            "generator": self.generator.get_state(),
            "actor_step": self.step.actor_step.optimizer.state_dict(),
            "critic_optimizer": self.step.critic_step.optimizer.state_dict(),
            "rule": dict(self.step.state),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.rounds = state["rounds"]
        self.gradient_steps = state["gradient_steps"]
        self.priorities.exponent = state["exponent"]
        self.pool.load_state_dict(state["pool"])
        self.generator.set_state(state["generator"])
        self.step.actor_step.optimizer.load_state_dict(state["actor_step"])
        self.step.critic_step.optimizer.load_state_dict(state["critic_optimizer"])
        self.step.state.update(state["rule"])
