"""Evaluation: the online actor's mean, on fixed seeds."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.agent import Agent
from bnpo.agent.predicting import require_agent
from bnpo.envs import make_vector_env, step_info
from bnpo.envs.arguments import require_int
from bnpo.envs.rollout import Rollout
from bnpo.envs.workers.care import WorkerCare
from bnpo.seeding import EVALUATION_SEED

__all__ = ["Evaluation", "PolicyEvaluator", "evaluate"]

_AT_ONCE = 200
"""Number of episodes played as one batch where the environment is vectorised."""

_IN_WORKERS = 8
"""Number of episodes played as one batch where environments live in worker processes."""


MAX_STEPS = 1_000
"""Length at which episodes without a time limit are cut (environment steps)."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Outcome of a number of full episodes under the mean action."""

    episodes: int
    """Number of episodes"""

    success_rate: float | None
    """Share of episodes with ``is_success`` at the last step, where it may be left out of failures;
    None where the environment never tells it"""

    mean_return: float
    """Undiscounted sum of rewards per episode, averaged"""

    mean_length: float
    """Length of an episode, averaged (environment steps)"""

    mean_score: float | None = None
    """Environment's own score per episode (the sum of ``contact_reward``), where it has one"""

    @property
    def success_interval(self) -> tuple[float, float] | None:
        """Interval of 95 % of the success rate by Wilson's score; None where none is told.

        With n episodes, share p and z = 1.96 it is
        (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n), which is no point at 0 and 1.
        """
        if self.success_rate is None:
            return None
        p, n, z = self.success_rate, self.episodes, 1.959964
        centre = p + z**2 / (2 * n)
        half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        low, high = ((centre + side * half) / (1 + z**2 / n) for side in (-1, 1))
        return max(low, 0.0), min(high, 1.0)


class PolicyEvaluator:
    """Environments kept ready for repeated evaluation of one agent."""

    def __init__(
        self,
        agent: Agent,
        episodes: int = 100,
        *,
        threads: int = 1,
        care: WorkerCare | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Make the environments: all episodes at once where the environment is vectorised.

        Args:
            agent: what to evaluate
            episodes: how many
            threads: of the simulator
            care: what to do about workers that fail; episodes of a restarted one are played again
            max_steps: episodes without a time limit are cut there (environment steps)

        """
        require_int("episodes", episodes, minimum=1)
        self.agent = agent
        self.episodes = episodes
        self.max_steps = max_steps if agent.spec.max_episode_steps is None else math.inf
        self.tells_success = False
        """Whether the environment has ever told success: what it leaves out is failure then"""
        self._warned = False
        most = _AT_ONCE if agent.spec.env_id.startswith("bnpo/") else _IN_WORKERS
        rounds = -(-episodes // most)
        self.env = make_vector_env(
            agent.spec.env_id,
            -(-episodes // rounds),
            threads=threads,
            care=care,
            **agent.env_kwargs,
        )

    def run(self) -> Evaluation:
        """Play the episodes and sum them up."""
        batch = self.env.num_envs
        parts = [self._play(EVALUATION_SEED + first) for first in range(0, self.episodes, batch)]
        columns = [np.concatenate(column)[: self.episodes] for column in zip(*parts, strict=True)]
        returns, lengths, successes, scores = columns
        return Evaluation(
            episodes=self.episodes,
            success_rate=self._success_rate(successes),
            mean_return=float(returns.mean()),
            mean_length=float(lengths.mean()),
            mean_score=None if math.isnan(scores[0]) else float(scores.mean()),
        )

    def _success_rate(self, successes: NDArray[np.float64]) -> float | None:
        """Share of successes [E], NaN where the environment told nothing; None if it never does."""
        known = ~np.isnan(successes)
        self.tells_success |= bool(known.any())
        return float(np.where(known, successes, 0.0).mean()) if self.tells_success else None

    def _play(self, seed: int) -> tuple[NDArray[Any], ...]:
        """Return, length, success and score of one episode in every environment, each [N]."""
        env, policy = self.env, self.agent.policy
        number = env.num_envs
        rollout = Rollout(env, policy, env.reset(seed=seed)[0], checks=False)
        running = np.ones(number, bool)
        returns, lengths = np.zeros(number), np.zeros(number)
        successes, scores = np.full(number, np.nan), np.zeros(number)
        taken = 0
        while running.any() and taken < self.max_steps:
            step = rollout.step(policy.decide(rollout.observation))
            if step.lost is not None:
                return self._play(seed)
            returns[running] += rollout.reward.reshape(number, -1).sum(-1)[running]
            lengths[running] += 1
            taken += 1
            scores[running] += step_info(rollout.infos, "contact_reward", number)[running]
            successes[running] = step_info(rollout.infos, "is_success", number)[running]
            running &= ~(step.terminated | step.truncated).cpu().numpy()
        if running.any() and not self._warned:
            self._warned = True
            logging.getLogger("bnpo.training").warning(
                "%s has episodes that do not end: evaluation cuts them at eval_max_steps = %d",
                *(self.agent.spec.env_id, int(self.max_steps)),
            )
        return returns, lengths, successes, scores

    def close(self) -> None:
        """Close the environments."""
        self.env.close()


def evaluate(
    agent: Agent, episodes: int = 100, *, threads: int = 1, max_steps: int = MAX_STEPS
) -> Evaluation:
    """Play full episodes with the online actor's mean action, on fixed evaluation seeds.

    Args:
        agent: what to evaluate
        episodes: how many
        threads: of the simulator
        max_steps: episodes without a time limit are cut there (environment steps)

    Raises:
        ConfigError: what is evaluated is no agent.

    """
    require_agent(agent)
    evaluator = PolicyEvaluator(agent, episodes, threads=threads, max_steps=max_steps)
    try:
        return evaluator.run()
    finally:
        evaluator.close()
