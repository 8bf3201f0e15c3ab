"""The agent: one actor, its critics, the shared replay, and the brains that take turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from bnpo import seeding
from bnpo.agent.arbiter import Arbiter
from bnpo.agent.assembly import build
from bnpo.agent.brain import Brain, TurnReport
from bnpo.agent.defaults import default_config
from bnpo.agent.policy import Normalization, Policy
from bnpo.agent.predicting import Usable
from bnpo.agent.task import task_of
from bnpo.brains.options import Guidance
from bnpo.brains.rule import Rule
from bnpo.config import AgentConfig, BrainDescription
from bnpo.envs.goal_functions import GoalFunction, GoalFunctions
from bnpo.errors import ConfigError
from bnpo.planning.guiding import draw_guides, fit, store_guides
from bnpo.replay import SegmentTable
from bnpo.types import TaskSpec
from bnpo.types.step import Decision, Observation, Step

__all__ = ["Agent"]


class Agent(Usable):
    """One stochastic actor, trained by several brains in turn."""

    def __init__(
        self,
        spec: TaskSpec,
        brains: Sequence[BrainDescription],
        *,
        config: AgentConfig | None = None,
        seed: int = 0,
        goal_functions: GoalFunctions | None = None,
        env_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Build networks, replay and brains.

        Args:
            spec: the task
            brains: what learns, in the order of turns
            config: what all brains share
            seed: feeds Python, NumPy, torch and every generator of the agent
            goal_functions: the task's reward and termination of goals, for hindsight
            env_kwargs: arguments with which the task's environments are made

        Raises:
            ConfigError: for an empty list and for a brain that cannot work on this task.

        """
        if not brains:
            raise ConfigError("brains = []: allowed is a list of at least one BrainDescription")
        self.config = config = config or AgentConfig()
        self.seed = seed
        self.descriptions = tuple(brains)
        self.env_kwargs = dict(env_kwargs or {})
        self.goal_functions = goal_functions
        self.device = torch.device(config.device)
        self.dtype: torch.dtype = getattr(torch, config.dtype)
        seeding.seed(seed)
        self.generator = seeding.generator(self.device, seed, seeding.ACTING)
        parts = build(
            spec,
            self.descriptions,
            config=config,
            seed=seed,
            goal_functions=goal_functions,
            env_kwargs=self.env_kwargs,
        )
        self.spec = parts.spec
        self.encoder, self.actor, self.brains = parts.encoder, parts.actors[0], parts.brains
        self.actors, self.critics, self.exchange = parts.actors, parts.critics, parts.exchange
        self.target_actors, self.target_critics = parts.target_actors, parts.target_critics
        self.policy = Policy(self.encoder, self.actor, config, seed=seed)
        self.normalization = Normalization(self.encoder, self.brains)
        self.arbiter = None if config.trust == "fixed" else Arbiter(self.brains, config, seed)
        self.replay: SegmentTable | None = None
        self.vector_steps = 0
        self.env_steps = 0

    @classmethod
    def for_env(
        cls,
        env_id: str,
        brains: Sequence[BrainDescription] | str,
        *,
        seed: int = 0,
        config: AgentConfig | None = None,
        env_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Build an agent for a registered environment, of a brain list or a preset's name.

        Without a config the settings follow from the brains and the task
        (:func:`bnpo.agent.defaults.default_config`); with a preset they are those that the command
        line composes.

        Raises:
            ConfigError: for an unknown environment, a discrete or unbounded action space and for
                a brain that cannot work there.

        """
        if isinstance(brains, str):
            return cls.of_preset(brains, env_id, seed=seed, config=config, env_kwargs=env_kwargs)
        spec, functions, refused = task_of(env_id, env_kwargs or {})
        agent = cls(
            spec,
            brains,
            config=config or default_config(brains, spec, functions),
            seed=seed,
            goal_functions=functions,
            env_kwargs=env_kwargs,
        )
        if refused is not None and any(brain.credit.scheme.needs_goals for brain in agent.brains):
            raise refused
        return agent

    learners = property(lambda self: self.brains, doc="The brains, as earlier versions named them.")

    @property
    def reward_of(self) -> GoalFunction | None:
        """The task's reward of achieved and desired goals, both [B, G]; None without goals."""
        return None if self.goal_functions is None else self.goal_functions.reward

    def act(self, observation: Observation) -> Decision:
        """Draw actions from the online actor."""
        return self.policy.act(observation, self.env_steps, self.generator)

    def begin(self, num_envs: int, observation: Observation | None) -> None:
        """Open the replay for a batch of freshly reset environments.

        What it held stays where their number is another than before. Without an observation of
        the environments segments are written by others (:meth:`receive`).
        """
        fresh = self.replay is None
        if self.replay is None or self.replay.num_envs != num_envs:
            self.new_replay(num_envs)
        for brain in self.brains:
            brain.begin(num_envs)
        for brain in self.brains if fresh else ():
            brain.step.rule.prepare(self)
        assert self.replay is not None
        if observation is not None:
            self.replay.begin(observation)

    def plan_guides(self, rule: Rule, guidance: Guidance) -> None:
        """Put a rule's guiding samples into the fresh replay and fit the actor to them.

        The samples count as environment steps; the planner's own steps of the simulator do not.
        They are credited for the brain of the rule and for pathwise ones: an on-policy rule has no
        use for what another policy did.
        """
        table = self.replay
        assert table is not None, "begin() comes first"
        start, steps, around = draw_guides(
            guidance,
            self.spec,
            self.env_kwargs,
            self.policy,
            num_envs=table.num_envs,
            max_steps=self.config.max_steps,
            seed=self.seed,
        )
        rows = store_guides(table, start, steps)
        self.env_steps += len(steps) * len(start.observation)
        self.normalization.observe(table.trajectories, rows)
        self.normalization.renew(first=True)
        own = table.trajectories[rows]
        fit(guidance, own, around, self.actor, self.encoder, self.generator)
        for target in self.target_actors:
            target.load_state_dict(self.actor.state_dict())
        for brain in self.brains:
            if brain.step.rule is rule or brain.step.rule.pathwise:
                brain.receive(table, rows, self.env_steps)

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

    def remember(self, step: Step) -> None:
        """Store one step of every environment; credit the segments that it finished."""
        assert self.replay is not None, "begin() comes first"
        self.vector_steps += 1
        self.env_steps += len(step.reward)
        rows = self.replay.append(step, version=self.vector_steps - 1 - step.lag)
        if len(rows):
            self.receive(rows)

    def receive(self, rows: Tensor) -> None:
        """Let normalisation and brains take note of segments of the replay that are new, [K]."""
        assert self.replay is not None, "begin() comes first"
        self.normalization.observe(self.replay.trajectories, rows)
        if self.arbiter is not None:
            self.arbiter.note_rollouts(self.replay, rows)
        for brain in self.brains:
            brain.receive(self.replay, rows, self.env_steps)

    def learn(self, *, commit: bool = True) -> dict[str, TurnReport]:
        """Give every brain that is due its turn, in the order of the list.

        Args:
            commit: False leaves all statistics of normalisation to the caller

        """
        warming_up = self.env_steps < self.config.warmup_steps
        steps = self.vector_steps
        due = [one for one in self.brains if steps % one.description.learning_delay == 0]
        if warming_up:
            due = []
        frozen = bool(self.normalization.on_policy) and not warming_up
        return self.take_turns(due, frozen=frozen, commit=commit)

    def take_turns(
        self, brains: Sequence[Brain], *, frozen: bool = False, commit: bool = True
    ) -> dict[str, TurnReport]:
        """Give some of the agent's brains a turn, whatever their schedules say.

        Args:
            brains: whose turn it is, in this order
            frozen: keep the statistics of normalisation unless a likelihood-ratio brain learns
            commit: False leaves all statistics to the caller

        """
        assert self.replay is not None, "begin() comes first"
        reports: dict[str, TurnReport] = {}
        for brain in brains:
            index = self.brains.index(brain)
            share = 1.0 if self.arbiter is None else self.arbiter.share(index, self.env_steps)
            report = brain.take_turn(self.replay, self.env_steps, self.target_actors, share)
            if report is not None:
                reports[brain.name] = report
                if self.exchange is not None:
                    self.exchange.after_turn(index)
            frozen = frozen and brain.step.rule.pathwise
        if self.arbiter is not None:
            self.arbiter.after_turns(self.replay, reports)
        if commit and not frozen:
            self.normalization.renew()
        return reports

    @property
    def gradient_steps(self) -> int:
        """Gradient steps of all brains together."""
        return sum(brain.gradient_steps for brain in self.brains)

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
            "brains": [brain.state_dict() for brain in self.brains],
            "replay": None if self.replay is None else self.replay.state_dict(),
            "fresh": self.normalization.waiting,
            "arbiter": None if self.arbiter is None else self.arbiter.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; the replay must have been begun if it was then."""
        self.vector_steps = state["vector_steps"]
        self.env_steps = state["env_steps"]
        self.generator.set_state(state["generator"])
        self.load_policy(state)
        for key in ("critics", "target_actors", "target_critics", "brains"):
            for member, saved in zip(getattr(self, key), state[key], strict=True):
                member.load_state_dict(saved)
        parts = {"exchange": self.exchange, "arbiter": self.arbiter, "replay": self.replay}
        for key, part in parts.items():
            if state[key] is not None:
                assert part is not None, f"a state with {key}, an agent without"
                part.load_state_dict(state[key])
        self.normalization.waiting = state["fresh"]
