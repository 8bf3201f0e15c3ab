"""The acting side of training: it steps the agent's environments under a policy."""

from __future__ import annotations

from typing import Any

from bnpo.agent import Agent
from bnpo.agent.policy import Policy
from bnpo.cluster.rollouts import RemoteRollouts
from bnpo.envs.rollout import Rollout
from bnpo.training.first_look import FirstLook
from bnpo.types.step import Observation, Step

__all__ = ["Stepper"]


class Stepper:
    """Environments of one agent, here or in rollout workers, and how often they were stepped."""

    def __init__(self, agent: Agent, env: Any, reset: Any) -> None:
        """Open the agent's replay for environments that were reset.

        Args:
            agent: what acts and remembers
            env: a vector environment, or rollout workers
            reset: observations that the reset returned; rollout workers keep their own

        """
        self.agent = agent
        self.env: Rollout | RemoteRollouts = (
            env
            if isinstance(env, RemoteRollouts)
            else Rollout(env, agent.policy, reset, info=agent.spec.info)
        )
        self.num_envs = self.env.num_envs
        self._first_look: FirstLook | None = FirstLook(agent)
        self.vector_steps = 0
        agent.begin(self.num_envs, self.observation)
        self.start_at(self.observation)

    @property
    def observation(self) -> Observation:
        """Present observations of the environments."""
        return self.env.observation

    def start_at(self, observation: Observation, ahead: int = 0) -> None:
        """Go on from present observations, some vector steps ahead of the agent."""
        self.env.observation = observation
        self.vector_steps = self.agent.vector_steps + ahead
        self.env.env_steps = self.agent.env_steps + ahead * self.num_envs

    def step(self, policy: Policy) -> Step:
        """Take one step of every environment.

        Raises:
            ConfigError: the first steps show that the agent cannot learn from the environment.
            Diverged: a reward or an observation is not finite.
            RunError: a rollout worker was lost.

        """
        env, lag = self.env, self.vector_steps - policy.version
        if isinstance(env, RemoteRollouts):
            step = env.step(policy, lag)
        else:
            decision = policy.act(env.observation, env.env_steps, self.agent.generator)
            step = env.step(decision, lag)
            if self._first_look is not None and self._first_look.look(env, step):
                self._first_look = None
        self.vector_steps += 1
        return step
