"""The agent: one actor, its critics, the shared replay, and the brains that take turns."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch

from bnpo import generators
from bnpo.assembly import build_learners
from bnpo.brains import PolicyExchange, target_of
from bnpo.config import AgentConfig, BrainDescription, ConfigError
from bnpo.envs import describe, make_env, reward_function
from bnpo.guiding import guide
from bnpo.learner import Learner, TurnReport
from bnpo.network_evaluator import RewardFunction
from bnpo.networks import Actor, Critic, Recall, build_encoder
from bnpo.normalization import Statistics
from bnpo.notebook import BrainList, agent_table
from bnpo.policy import Decision, Observation, Policy
from bnpo.replay import SegmentTable
from bnpo.stepping import Step
from bnpo.types import TaskSpec

__all__ = ["Agent", "Decision", "Observation"]


class Agent:
    """One stochastic actor, trained by several brains in turn."""

    def __init__(
        self,
        spec: TaskSpec,
        brains: Sequence[BrainDescription],
        *,
        config: AgentConfig | None = None,
        seed: int = 0,
        reward_of: RewardFunction | None = None,
        env_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Build networks, replay and brains.

        Args:
            spec: the task
            brains: what learns, in the order of turns
            config: what all brains share
            seed: feeds Python, NumPy, torch and every generator of the agent
            reward_of: the task's reward of goals, for hindsight
            env_kwargs: arguments with which the task's environments are made

        Raises:
            ConfigError: for an empty list and for a brain that cannot work on this task.

        """
        if not brains:
            raise ConfigError("brains = []: allowed is a list of at least one BrainDescription")
        self.config = config = config or AgentConfig()
        if config.networks.observe_achieved_goal:
            spec = dataclasses.replace(spec, observation_dim=spec.observation_dim + spec.goal_dim)
        self.seed = seed
        self.brains = BrainList(brains)
        self.env_kwargs = dict(env_kwargs or {})
        self.reward_of = reward_of
        self.device = torch.device(config.device)
        self.dtype: torch.dtype = getattr(torch, config.dtype)
        generators.seed(seed)
        self.generator = self.new_generator(0)
        networks = config.networks
        self.encoder = build_encoder(spec, networks, self.device, self.dtype)
        if isinstance(self.encoder, Recall):
            spec = dataclasses.replace(spec, observation_dim=self.encoder.state_dim)
        self.spec = spec
        features = self.encoder.features
        self.actor = Actor(features, spec, networks).to(self.device, self.dtype)
        self.policy = Policy(self.encoder, self.actor, config, seed=seed)
        members = len(self.brains) if config.detach_critics else 1
        self.critics = [
            Critic(features, spec, networks).to(self.device, self.dtype) for _ in range(members)
        ]
        apart = len(self.brains) - 1 if config.policies != "shared" else 0
        self.actors = [self.actor, *(copy.deepcopy(self.actor) for _ in range(apart))]
        self.exchange = (
            None
            if config.policies == "shared"
            else PolicyExchange(self.actors, config.policies, config.policy_delay)
        )
        owners = len(self.brains) if config.detach_actors else 1
        self.target_actors = [target_of(self.actor) for _ in range(owners)]
        self.target_critics = [target_of(critic) for critic in self.critics]
        self.learners = build_learners(self)
        self.replay: SegmentTable | None = None
        self.vector_steps = 0
        self.env_steps = 0
        self.statistics = Statistics(self.encoder, self.learners)

    @classmethod
    def for_env(
        cls,
        env_id: str,
        brains: Sequence[BrainDescription],
        *,
        seed: int = 0,
        config: AgentConfig | None = None,
        env_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Build an agent for a registered environment.

        Raises:
            ConfigError: for an unknown environment, a discrete or unbounded action space and for
                a brain that cannot work there.

        """
        env = make_env(env_id, **(env_kwargs or {}))
        spec = describe(env)
        return cls(
            spec,
            brains,
            config=config,
            seed=seed,
            reward_of=reward_function(env) if spec.is_goal_env else None,
            env_kwargs=env_kwargs,
        )

    def new_generator(self, stream: int) -> torch.Generator:
        """Return a generator of its own for one purpose, fed by the agent's seed."""
        state = np.random.SeedSequence([self.seed, stream]).generate_state(1, np.uint64)
        return torch.Generator(self.device).manual_seed(int(state[0] >> 1))

    def act(self, shown: Observation) -> Decision:
        """Draw actions from the online actor."""
        return self.policy.act(shown, self.env_steps, self.generator)

    def begin(self, num_envs: int, shown: Observation) -> None:
        """Open the replay for a batch of freshly reset environments.

        What it held stays where their number is another than before.
        """
        fresh = self.replay is None
        if self.replay is None or self.replay.num_envs != num_envs:
            self.new_replay(num_envs)
        if fresh:
            guide(self, num_envs)
        assert self.replay is not None
        self.replay.begin(*shown)

    def new_replay(self, num_envs: int) -> None:
        """Make a replay for a number of environments; it takes over what another one held."""
        before = self.replay
        self.replay = SegmentTable(
            self.spec,
            capacity=self.config.replay_size,
            max_steps=self.config.max_steps,
            num_envs=num_envs,
            device=self.device,
            dtype=self.dtype,
        )
        if before is not None:
            self.replay.extend(before.finished())

    def remember(self, step: Step, *, by_recorded: bool = False) -> None:
        """Store one step of every environment; credit the segments that it finished.

        Args:
            step: what was done and what came of it
            by_recorded: ratios refer to the distributions recorded with the step, not to the online
                actor of now: for steps that an older policy acted

        """
        assert self.replay is not None, "begin() comes first"
        self.vector_steps += 1
        self.env_steps += len(step.reward)
        rows = self.replay.append(
            *step.decision,
            step.reward,
            step.terminated,
            step.truncated,
            *step.outcome,
            *step.shown,
            lost=step.lost,
            version=self.vector_steps - 1 - step.lag,
        )
        if not len(rows):
            return
        self.statistics.observe(self.replay.trajectories, rows)
        for learner in self.learners:
            learner.receive(self.replay, rows, self.env_steps, by_recorded=by_recorded)

    def learn(self, *, commit: bool = True) -> dict[str, TurnReport]:
        """Give every brain that is due its turn, in the order of the list.

        Args:
            commit: False leaves all statistics of normalisation to the caller

        """
        warming_up = self.env_steps < self.config.warmup_steps
        due = [] if warming_up else [one for one in self.learners if one.due(self.vector_steps)]
        frozen = bool(self.statistics.on_policy) and not warming_up
        return self.take_turns(due, frozen=frozen, commit=commit)

    def take_turns(
        self, learners: Sequence[Learner], *, frozen: bool = False, commit: bool = True
    ) -> dict[str, TurnReport]:
        """Give some of the agent's brains a turn, whatever their schedules say.

        Args:
            learners: whose turn it is, in this order
            frozen: keep the statistics of normalisation unless a likelihood-ratio brain learns
            commit: False leaves all statistics to the caller

        """
        assert self.replay is not None, "begin() comes first"
        reports: dict[str, TurnReport] = {}
        for learner in learners:
            report = learner.take_turn(self.replay, self.env_steps, self.target_actors)
            if report is not None:
                reports[learner.name] = report
                if self.exchange is not None:
                    self.exchange.after_turn(self.learners.index(learner))
            frozen = frozen and learner.brain.rule.pathwise
        if commit and not frozen:
            self.statistics.renew()
        return reports

    @property
    def gradient_steps(self) -> int:
        """Gradient steps of all brains together."""
        return sum(learner.gradient_steps for learner in self.learners)

    def __repr__(self) -> str:
        """Task and brains on one line each."""
        lines = [f"Agent({self.spec.env_id}, seed={self.seed}, brains=["]
        lines += [f"    {learner.name}: {learner.brain.rule}," for learner in self.learners]
        return "\n".join([*lines, "])"])

    def _repr_html_(self) -> str:
        """Show task and brains as a table in a notebook."""
        return agent_table(self)

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides the agent's future."""
        return {
            "vector_steps": self.vector_steps,
            "env_steps": self.env_steps,
            "generator": self.generator.get_state(),
            "encoder": self.encoder.state_dict(),
            "actor": self.actor.state_dict(),
            "exchange": None if self.exchange is None else self.exchange.state_dict(),
            "critics": [critic.state_dict() for critic in self.critics],
            "target_actors": [actor.state_dict() for actor in self.target_actors],
            "target_critics": [critic.state_dict() for critic in self.target_critics],
            "learners": [learner.state_dict() for learner in self.learners],
            "replay": None if self.replay is None else self.replay.state_dict(),
            "fresh": self.statistics.waiting,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; the replay must have been begun if it was then."""
        self.vector_steps = state["vector_steps"]
        self.env_steps = state["env_steps"]
        self.generator.set_state(state["generator"])
        self.encoder.load_state_dict(state["encoder"])
        self.actor.load_state_dict(state["actor"])
        if self.exchange is not None:
            self.exchange.load_state_dict(state["exchange"])
        groups: tuple[tuple[str, Sequence[Any]], ...] = (
            ("critics", self.critics),
            ("target_actors", self.target_actors),
            ("target_critics", self.target_critics),
            ("learners", self.learners),
        )
        for key, members in groups:
            for member, saved in zip(members, state[key], strict=True):
                member.load_state_dict(saved)
        if state["replay"] is not None:
            assert self.replay is not None, "begin() comes first"
            self.replay.load_state_dict(state["replay"])
        self.statistics.waiting = state["fresh"]

    def load_policy(self, state: dict[str, Any]) -> None:
        """Take over actor and normalisation alone, enough to act and evaluate."""
        self.encoder.load_state_dict(state["encoder"])
        self.actor.load_state_dict(state["actor"])
