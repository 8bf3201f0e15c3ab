"""Learning from rollout workers that wait for nobody: segments come when they are finished."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from bnpo.agent import Agent
from bnpo.cluster.free_rollouts import FreeRollouts
from bnpo.networks import Normalizer
from bnpo.types import Trajectories
from bnpo.types.stream import Episodes

__all__ = ["Arrival", "FreeFeed"]


class Arrival(NamedTuple):
    """What came for one vector step of learning."""

    reward_low: float
    """Least reward"""

    reward_high: float
    """Largest reward"""

    lag: int
    """Most policy versions by which the first step of a segment was behind"""

    episodes: Episodes | None = None
    """Training episodes that ended, those of segments that are not learnt from included"""


class FreeFeed:
    """Gives an agent the segments of rollout workers, as many as its environments would take.

    A policy version is one change of the policy by turns of the brains. Every segment is stored
    with the version that took its first step; one that is further behind than ``max_staleness`` is
    counted as steps, and not learnt from. Likelihood-ratio brains learn from corrected returns (see
    :meth:`bnpo.types.CreditScheme.corrected`).
    """

    def __init__(self, agent: Agent, rollouts: FreeRollouts, max_staleness: int) -> None:
        """Open the agent's replay.

        Args:
            agent: what learns
            rollouts: the workers
            max_staleness: policy versions by which a segment may be behind

        """
        assert isinstance(agent.encoder, Normalizer)  # TrainConfig.require_fits
        self.agent = agent
        self.encoder = agent.encoder
        self.rollouts = rollouts
        self.max_staleness = max_staleness
        self.version = 0
        """How often the policy has changed"""
        self.segments_dropped = 0
        """Segments that came too late to be learnt from"""
        self._surplus = 0  # transitions that have come beyond the steps counted
        self._key = (-1, -1)
        for brain in agent.brains:
            if not brain.step.rule.pathwise:
                brain.credit.scheme = brain.credit.scheme.corrected()
        agent.begin(rollouts.num_envs, None)

    def step(self) -> Arrival:
        """Take what one step of every environment would bring; the brains' turns are next.

        Raises:
            Diverged: a reward or an observation is not finite.
            WorkerError: more workers were lost than may be replaced.

        """
        self._publish()
        agent, arrivals = self.agent, [Arrival(0.0, 0.0, 0)]
        while self._surplus < self.rollouts.num_envs:
            arrivals.append(self._take())
        self._surplus -= self.rollouts.num_envs
        agent.vector_steps += 1
        agent.env_steps += self.rollouts.num_envs
        low, high, lag, parts = zip(*arrivals, strict=True)
        return Arrival(min(low), max(high), max(lag), _joined(parts))

    def _publish(self) -> None:
        """Send the policy of now to the workers where it has changed."""
        agent = self.agent
        key = (agent.gradient_steps, self.encoder.changes)
        if key != self._key:
            self.version += self._key != (-1, -1)
            self._key = key
            self.rollouts.publish(agent.policy, self.version)

    def _take(self) -> Arrival:
        """Wait for the next segments and put them into the replay."""
        delivery = self.rollouts.next()
        version = torch.tensor(delivery.version)  # copied: what Ray hands over cannot be written to
        lag = self.version - version
        fresh = lag <= self.max_staleness
        self.segments_dropped += int((~fresh).sum())
        self._surplus += delivery.transitions
        if bool(fresh.any()):
            agent = self.agent
            assert agent.replay is not None
            columns = {
                name: torch.tensor(column, device=agent.device)
                for name, column in delivery.columns.items()
            }
            rows = agent.replay.extend(
                Trajectories(**columns)[fresh],
                version=version[fresh],
                on_policy=torch.tensor(delivery.on_policy)[fresh],
            )
            agent.receive(rows)
        most = int(lag[fresh].max()) if bool(fresh.any()) else 0
        return Arrival(delivery.reward_low, delivery.reward_high, most, delivery.episodes)

    def figures(self) -> dict[str, float]:
        """Return scalars for a run's history."""
        return {
            "policy_version": self.version,
            "segments_dropped": self.segments_dropped,
            "workers_replaced": self.rollouts.replaced,
        }

    def state_dict(self) -> dict[str, Any]:
        """Counts, which a resumed run goes on from; its workers begin new episodes."""
        return {
            "version": self.version,
            "surplus": self._surplus,
            "segments_dropped": self.segments_dropped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.version, self._surplus = state["version"], state["surplus"]
        self.segments_dropped = state["segments_dropped"]


def _joined(parts: Iterable[Episodes | None]) -> Episodes | None:
    """Return the episodes of several deliveries as one; None if there are none."""
    columns = list(zip(*(part for part in parts if part is not None), strict=True))
    return Episodes(*map(np.concatenate, columns)) if columns else None
