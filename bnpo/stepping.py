"""The acting side of training: it steps a batch of environments under a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_map_only

from bnpo.envs import as_goal_observation, true_next_observation
from bnpo.health import require_finite
from bnpo.policy import Decision, Observation, Policy

if TYPE_CHECKING:
    from bnpo.agent import Agent
    from bnpo.cluster.rollouts import RemoteRollouts

__all__ = ["Step", "Stepper"]


class Step(NamedTuple):
    """One step of every environment, as the replay takes it."""

    decision: Decision
    """What was done, and the distribution that it was drawn from"""

    reward: Tensor
    """[N, R]"""

    terminated: Tensor
    """[N]"""

    truncated: Tensor
    """[N]"""

    outcome: Observation
    """The true next observations, also at an episode's end"""

    shown: Observation
    """What the environments show now; differs where an episode ended"""

    reward_low: float
    """Least reward, summed over its components"""

    reward_high: float
    """Largest reward, summed over its components"""

    lag: int
    """Vector steps whose turns of the brains the policy that acted had not had"""

    statistics: Tensor | None = None
    """[3, O + G], statistics of normalisation with which a new rollout begins here"""

    lost: Tensor | None = None
    """[N], environments that began anew without an end of their episode; None: none"""

    @classmethod
    def restore(cls, fields: tuple[Any, ...], device: torch.device) -> Self:
        """Make a step of the plain tuples that a checkpoint holds."""
        made = cls(*tree_map_only(Tensor, lambda tensor: tensor.to(device), tuple(fields)))
        return made._replace(
            decision=Decision(*made.decision),
            outcome=Observation(*made.outcome),
            shown=Observation(*made.shown),
        )


class Stepper:
    """Environments, what they show, and how often they were stepped."""

    def __init__(
        self, agent: Agent, env: Any, shown: Any, remote: RemoteRollouts | None = None
    ) -> None:
        """Open the agent's replay for environments that were reset.

        Args:
            agent: what acts and remembers
            env: the environments
            shown: what they show
            remote: themselves, where rollout workers step them

        """
        self.agent = agent
        self.env = env
        self.remote = remote
        self.shown = agent.policy.tensors(as_goal_observation(shown))
        self.num_envs = len(self.shown.observation)
        agent.begin(self.num_envs, self.shown)
        self.start_at(self.shown)

    def start_at(self, shown: Observation, ahead: int = 0) -> None:
        """Go on from what the environments show, some vector steps ahead of the agent."""
        self.shown = shown
        self.vector_steps = self.agent.vector_steps + ahead
        self.env_steps = self.agent.env_steps + ahead * self.num_envs

    def step(self, policy: Policy) -> Step:
        """Take one step of every environment.

        Raises:
            Diverged: a reward or an observation is not finite.

        """
        agent = self.agent
        lag = self.vector_steps - policy.version
        decision, shown, last, reward, terminated, truncated, restarted = self._take(policy)
        self.vector_steps += 1
        self.env_steps += self.num_envs
        low, high = self._check(reward, shown)
        begun = terminated | truncated
        if restarted is not None:
            begun = begun | restarted
        following = outcome = agent.policy.tensors(as_goal_observation(shown), self.shown, begun)
        if last is not None:
            self._check(reward, last)
            outcome = agent.policy.tensors(last, self.shown)
        self.shown = following
        return Step(
            decision,
            agent.policy.tensor(reward).reshape(self.num_envs, agent.spec.reward_dim),
            agent.policy.tensor(terminated),
            agent.policy.tensor(truncated),
            outcome,
            following,
            low,
            high,
            lag,
            lost=None if restarted is None else agent.policy.tensor(restarted),
        )

    def _take(self, policy: Policy) -> tuple[Any, ...]:
        """Step the environments; returns what :class:`bnpo.cluster.rollouts.Taken` lists."""
        if self.remote is not None:
            return self.remote.step(policy, self.env_steps)
        decision = policy.act(self.shown, self.env_steps, self.agent.generator)
        action = policy.actor.clip(decision.action).cpu().numpy()
        shown, reward, terminated, truncated, infos = self.env.step(action)
        ended = bool((terminated | truncated).any())
        last = true_next_observation(shown, infos) if ended else None
        return decision, shown, last, reward, terminated, truncated, infos.get("restarted")

    def _check(self, reward: NDArray[Any], shown: Any) -> tuple[float, float]:
        """End the run where a number is not finite; else return the range of the rewards."""
        ends = require_finite("reward", reward.reshape(len(reward), -1).sum(-1), self.env_steps)
        for name, array in as_goal_observation(shown).items():
            if array.size:
                require_finite(name, array, self.env_steps)
        return ends
