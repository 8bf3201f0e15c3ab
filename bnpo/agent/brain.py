"""One brain at work: its turns, and their rounds of minibatches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnpo.agent.bounds import TrustRegion, gradient_norms, require_finite_turn
from bnpo.agent.crediting import CreditAssignment, NetworkEvaluator
from bnpo.agent.draws import Draws, PoolDraws, RolloutDraws
from bnpo.agent.priorities import Priorities
from bnpo.brains import Follower, LearningStep, Learnt
from bnpo.brains.losses import effective_sample_size
from bnpo.brains.rule import Info
from bnpo.brains.rules.guided import review
from bnpo.brains.steps.actor import Draw
from bnpo.brains.steps.compiled import CompiledSteps
from bnpo.config import AgentConfig, BrainDescription
from bnpo.errors import BadPriority, Diverged
from bnpo.networks import Actor
from bnpo.replay import Pool, SamplingLaw, SegmentTable
from bnpo.types import CreditScheme

__all__ = ["Brain", "TurnReport"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnReport:
    """What one turn of a brain did."""

    gradient_steps: int
    """Number of gradient steps that the turn took."""

    info: dict[str, float]
    """Scalars for the log by name, each as the turn left it."""


class Brain:
    """One brain at work: credit on arrival, turns of rounds of minibatches, target updates."""

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
        *,
        on_policy: bool = False,
        compiled: CompiledSteps | None = None,
    ) -> None:
        """Join a learning step with its credit and its data.

        Args:
            name: of the brain, unique in its list
            description: schedule, sizes, targets
            config: what all brains share
            step: the gradient step
            scheme: assigns credit
            law: draws from the pool
            evaluator: answers the scheme's questions
            generator: of the brain's draws
            on_policy: learn from segments alone that the policy itself acted
            compiled: takes the steps on a draw in one call; None: they are taken one by one

        """
        self.name = name
        self.description = description
        self.config = config
        self.step = step
        self.steps = compiled or step
        self.evaluator = evaluator
        self.generator = generator
        self.on_policy = on_policy
        self.credit = CreditAssignment(scheme, evaluator, step.rule, law, description, config)
        self.priorities = Priorities(law, evaluator, description, config)
        self.draws: Draws
        if description.by_rollout:
            self.draws = RolloutDraws(description, config, self.priorities, generator)
        else:
            mixed = on_policy and (config.exploration != (1.0,) or bool(config.parameter_noise))
            self.draws = PoolDraws(
                description,
                self.credit,
                self.priorities,
                generator,
                reanalyses=not mixed,
                compile=config.compile if config.closed_form else "off",
            )
        self.trust = TrustRegion(step, description.kl_budget)
        self.rounds = 0
        self.gradient_steps = 0
        self._info: Info = {}  # of the turn, the last of each scalar
        self._unjudged = torch.empty(0, dtype=torch.int64)  # rows, where a rule keeps its best
        self._step_scales: list[Tensor] = []  # of the turn, under a floor of the samples
        networks = step.networks
        self._actor_follower = Follower(
            networks.target_actor, networks.actor, description.tau_actor
        )
        self._critic_follower = Follower(
            networks.target_critic, networks.critic, description.tau_critic
        )

    @property
    def pool(self) -> Pool:
        """The brain's pool: its credited transitions."""
        return self.draws.pool

    def begin(self, num_envs: int) -> None:
        """Make room for what a number of environments sends."""
        self.draws.begin(num_envs)

    def receive(self, table: SegmentTable, rows: Tensor, env_steps: int) -> None:
        """Assign credit to finished segments and push their transitions into the pool.

        Args:
            table: the shared replay
            rows: [K], the segments
            env_steps: environment steps so far

        Raises:
            Diverged: a priority is not finite

        """
        own = rows[table.on_policy[rows]]
        if self.step.rule.keeps_best:
            self._unjudged = torch.cat((self._unjudged, own.cpu()))
        if self.on_policy:
            rows = own
            if not len(rows):
                return
        self.evaluator.env_steps = env_steps
        length = table.trajectories.length[rows]
        segment = rows.repeat_interleave(length)
        starts = (length.cumsum(0) - length).repeat_interleave(length)
        time = torch.arange(len(segment), device=segment.device) - starts
        try:
            self.draws.push(self.credit.assign(table, segment, time))
        except BadPriority as error:
            raise self._diverged(error) from error

    def take_turn(
        self,
        table: SegmentTable,
        env_steps: int,
        bootstrap_actors: list[Actor],
        share: float = 1.0,
    ) -> TurnReport | None:
        """Learn for one turn, or wait (None) until there is enough to learn from.

        Args:
            table: the shared replay, for reanalysis
            env_steps: environment steps so far, for schedules
            bootstrap_actors: target actors of all brains, from which TD targets may draw
            share: of its gradient steps and of its budget that the brain may use

        """
        if not self.draws.open_turn():
            return None
        self.evaluator.env_steps = env_steps
        if not self.priorities.uniform:
            self.priorities.follow(env_steps)
        self._info, self._step_scales = {}, []
        if self.step.rule.keeps_best:
            self._review(table)
        self.trust.begin(table, env_steps, share)
        before = self.gradient_steps
        rounds = share * (self.description.learning_repeat // self.description.optim_epochs)
        for _ in range(max(1, round(rounds))):
            try:
                draw, number, learnt = self.round(table, bootstrap_actors)
            except BadPriority as error:
                raise self._diverged(error) from error
            if self.trust.budget is not None:
                self.trust.hold(self.trust.budget)
            if self.step.rule.target_kl is not None and self._should_stop(learnt):
                break
        self._info = gradient_norms(self.step) | self._info
        if self._step_scales:
            self._info["actor_step_scale"] = torch.stack(self._step_scales).mean()
        self._info["kl_turn"] = self.trust.moved()
        self._info["trust_share"] = torch.tensor(share)
        log_ratio, kl = self.step.drift(draw.minibatch(number).batch)
        if len(kl):
            size = effective_sample_size(log_ratio)
            self._info["effective_sample_size"] = size
            self._info["effective_sample_share"] = size / len(log_ratio)
            self._info["kl_behaviour"] = kl.mean()
        info = {key: float(value.detach()) for key, value in self._info.items()}
        info |= self.step.state
        require_finite_turn(self.name, info, self.step.networks, env_steps)
        if not self.step.rule.adapts_each_step:
            self.step.adapt(info)
        return TurnReport(gradient_steps=self.gradient_steps - before, info=info)

    def _diverged(self, error: BadPriority) -> Diverged:
        """Return the error that ends the run where a priority cannot be stored."""
        where = f"at environment step {self.evaluator.env_steps}"
        return Diverged(f"brain {self.name!r}: {error}, {where}")

    def _review(self, table: SegmentTable) -> None:
        """Let a rule that keeps its best policy judge the policy that its last turn left."""
        rule, networks = self.step.rule, self.step.networks
        rows, self._unjudged = self._unjudged, self._unjudged[:0]
        if len(rows) < 2:  # of which no spread could be told
            return
        sample = table.trajectories[rows.to(table.device)]
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

    def round(self, table: SegmentTable, bootstrap_actors: list[Actor]) -> tuple[Draw, int, Learnt]:
        """Take the gradient steps of one round, then the targets' updates.

        After every step the priorities of its minibatch go back to the pool.

        Returns:
            the last draw, which of its minibatches was the last, and what was learnt from that.

        """
        description = self.description
        if (delta := self.config.freeze_delta) is not None:  # the last freeze_count of every delta
            frozen_from = delta - (self.config.freeze_count or 0)
            self.step.freezes_memory = self.rounds % delta >= frozen_from
        own = self.step.networks.target_actor if description.separate_actors else None
        for draw in self.draws.round(table):
            actors = [own or self._any_of(bootstrap_actors) for _ in range(draw.steps)]
            resampled = self.priorities.resampled and draw.slots is not None
            each = self.steps.take_each(draw, actors, resampled, self.gradient_steps)
            for number, learnt in enumerate(each):
                self.gradient_steps += 1
                self._info |= learnt.info
                if "actor_step_scale" in learnt.info:
                    self._step_scales.append(learnt.info["actor_step_scale"])
                if not self.priorities.uniform and draw.slots is not None:
                    batch, slots, *_ = draw.minibatch(number)
                    assert slots is not None
                    self.pool.update(slots, self.priorities.of_learnt(batch, learnt))
                if stops := self.step.rule.target_kl is not None and self._should_stop(learnt):
                    break
            if stops:
                break
        self.rounds += 1
        if self.rounds % description.sync_delta_a == 0:
            self._actor_follower.sync()
        if self.rounds % description.sync_delta_c == 0:
            self._critic_follower.sync()
        return draw, number, learnt  # optim_epochs >= 1

    def _any_of(self, actors: list[Actor]) -> Actor:
        """Draw one of the brains' target actors, from which this step's TD targets bootstrap."""
        if len(actors) == 1:
            return actors[0]
        number = torch.rand((), generator=self.generator, device=self.generator.device)
        return actors[int(float(number) * len(actors))]

    def _should_stop(self, learnt: Learnt) -> bool:
        """Whether the policy moved further than the rule's target KL in this turn."""
        target_kl = self.step.rule.target_kl
        kl = learnt.info.get("approximate_kl")
        return target_kl is not None and kl is not None and float(kl) > target_kl

    def state_dict(self) -> dict[str, Any]:
        """Return everything that decides this brain's future, the shared networks aside."""
        return {
            "rounds": self.rounds,
            "gradient_steps": self.gradient_steps,
            "exponent": self.priorities.exponent,
            **self.draws.state_dict(),
            "generator": self.generator.get_state(),
            "actor_step": self.step.actor_step.optimizer.state_dict(),
            "critic_optimizer": self.step.critic_step.optimizer.state_dict(),
            "rule": dict(self.step.state),
            "unjudged": self._unjudged.clone(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.rounds = state["rounds"]
        self.gradient_steps = state["gradient_steps"]
        self.priorities.exponent = state["exponent"]
        self.draws.load_state_dict(state)
        self.generator.set_state(state["generator"])
        self.step.actor_step.optimizer.load_state_dict(state["actor_step"])
        self.step.critic_step.optimizer.load_state_dict(state["critic_optimizer"])
        self.step.state.update(state["rule"])
        self._unjudged = state["unjudged"].clone()
