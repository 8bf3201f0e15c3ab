"""Credit of one brain's transitions: its scheme asks, today's networks answer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bnpo.brains import LearningStep, Rule
from bnpo.config import AgentConfig, BrainDescription
from bnpo.credit import with_later_ratios
from bnpo.credit.checks import check_columns, check_proximal
from bnpo.envs.goal_functions import GoalFunctions
from bnpo.networks import Memory, gaussian
from bnpo.replay import ImportanceRatio, SamplingLaw, SegmentTable
from bnpo.types import CreditScheme, TaskSpec, Transitions

__all__ = ["CreditAssignment", "NetworkEvaluator"]


class NetworkEvaluator:
    """Answers a credit scheme's questions with one brain's networks (see bnpo.types.Evaluator)."""

    def __init__(
        self,
        step: LearningStep,
        spec: TaskSpec,
        goal_functions: GoalFunctions | None,
        *,
        gamma: float | Callable[[int], float],
        acting: bool,
        generator: torch.Generator,
    ) -> None:
        """Ask these networks.

        Args:
            step: of one brain, whose networks answer
            spec: the task
            goal_functions: the task's answers about goals; None without goals
            gamma: discount factor, or a function of environment steps that returns it
            acting: values are those of the online actor, which acts, instead of the target actor's
            generator: source of a scheme's random numbers

        """
        self.networks = step.networks
        self._step = step
        self.spec = spec
        self.goal_functions = goal_functions
        self.env_steps = 0
        """Environment steps so far, as the brain last told"""
        self._gamma = gamma
        self._actor = self.networks.actor if acting else self.networks.target_actor
        self.generator = generator
        """Source of the scheme's random numbers"""

    @property
    def gamma(self) -> float:
        """Discount factor per environment step after the steps taken so far."""
        gamma = self._gamma
        return float(gamma(self.env_steps)) if callable(gamma) else gamma

    @torch.no_grad()
    def value(self, observation: Tensor, goal: Tensor) -> Tensor:
        """Q'(s, g, π(s, g)) as the brain's TD targets bootstrap from it, [B, R].

        The policy π is the acting or the target actor's.
        """
        return self._step.next_value(observation, goal, self._actor)

    @torch.no_grad()
    def entropy_bonus(self, observation: Tensor, goal: Tensor) -> Tensor:
        """C H(π(s, g)) as it enters the brain's TD targets, [B]; 0 where it does not."""
        return self._step.next_entropy(observation, goal, self._actor)

    @torch.no_grad()
    def log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of actions under the online actor, [B]."""
        features = self.networks.encoder(observation, goal)
        return gaussian.log_prob(action, *self.networks.actor(features))

    @torch.no_grad()
    def target_log_prob(self, observation: Tensor, goal: Tensor, action: Tensor) -> Tensor:
        """Log density of actions under the brain's own target actor, [B]."""
        features = self.networks.encoder(observation, goal)
        return gaussian.log_prob(action, *self.networks.target_actor(features))

    def reward(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        """Reward of the task for goals [B, G] and what is kept of info [B, I], [B, R]."""
        reward: Tensor = self._functions.reward(achieved_goal, desired_goal, info)
        return reward.to(achieved_goal.dtype).reshape(len(achieved_goal), self.spec.reward_dim)

    def terminated(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        """Whether achieving a goal is terminal, for goals [B, G], [B]."""
        ends: Tensor = self._functions.terminated(achieved_goal, desired_goal, info)
        return ends

    def truncated(
        self, achieved_goal: Tensor, desired_goal: Tensor, info: Tensor | None = None
    ) -> Tensor:
        """Whether achieving a goal cuts the episode, for goals [B, G], [B]."""
        ends: Tensor = self._functions.truncated(achieved_goal, desired_goal, info)
        return ends

    @property
    def _functions(self) -> GoalFunctions:
        if self.goal_functions is None:
            raise ValueError(f"{self.spec.env_id} has no goals, so no reward of goals")
        return self.goal_functions


class CreditAssignment:
    """Asks a scheme for credit; adds the ratios of later actions and the proximal density."""

    def __init__(
        self,
        scheme: CreditScheme,
        evaluator: NetworkEvaluator,
        rule: Rule,
        law: SamplingLaw,
        description: BrainDescription,
        config: AgentConfig,
    ) -> None:
        """Join a scheme with the networks that it asks and the rule that learns from it."""
        self.scheme = scheme
        self.evaluator = evaluator
        self.config = config
        self._kstep = isinstance(law, ImportanceRatio) and law.kstep
        self._needs_proximal = not scheme.sets_proximal and (
            not rule.pathwise or description.ppo_eps is not None
        )
        self._recorded = not (config.stable_probs or scheme.relabels)  # is what ratios refer to
        self._checked = False

    def assign(
        self,
        table: SegmentTable,
        segment: Tensor,
        time: Tensor,
        *,
        refresh: bool = False,
    ) -> Transitions:
        """Credit of the transitions at (segment, time), both [B].

        Args:
            table: the shared replay
            segment: [B], rows of the table
            time: [B], step within the segment
            refresh: whether this is a reanalysis, in which what a memory holds and what ratios
                refer to is of today's networks, not of those that acted

        """
        trajectories, encoder = table.trajectories, self.evaluator.networks.encoder
        if refresh and isinstance(encoder, Memory):
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
            name = type(self.scheme).__name__
            check_columns(name, transitions, expected)
            check_proximal(name, self.scheme, transitions)
            self._checked = True
        if self._needs_proximal and (refresh or not self._recorded):
            proximal = self._proximal_log_prob(transitions, refresh)
            transitions = transitions.replace(proximal_log_prob=proximal)
        return transitions

    def _proximal_log_prob(self, transitions: Transitions, refresh: bool) -> Tensor:
        """Log density [B] to which ratios refer where it is not the recorded one.

        With ``stable_probs`` it is that of the brain's target actor; in reanalysis, and under goals
        that replaced the recorded ones, that of the online actor of now.
        """
        asked = (transitions.observation, transitions.goal, transitions.action)
        if self.config.stable_probs:
            return self.evaluator.target_log_prob(*asked)
        if refresh:
            return self.evaluator.log_prob(*asked)
        recorded = transitions.behaviour_log_prob
        return torch.where(transitions.relabelled, self.evaluator.log_prob(*asked), recorded)
