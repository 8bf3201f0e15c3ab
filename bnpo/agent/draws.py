"""Where a brain's minibatches come from: draws of its pool, or the rollout since its last turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from bnpo.agent.crediting import CreditAssignment
from bnpo.agent.priorities import Priorities
from bnpo.brains.steps.actor import Draw
from bnpo.compiling import Mode
from bnpo.config import AgentConfig, BrainDescription
from bnpo.replay import Pool, SegmentTable
from bnpo.types import Transitions

__all__ = ["Draws", "PoolDraws", "RolloutDraws"]


class PoolDraws:
    """Takes rounds of optim_epochs minibatches out of one draw of the pool.

    The first minibatch comes out of a reanalysis now and then.
    """

    def __init__(
        self,
        description: BrainDescription,
        credit: CreditAssignment,
        priorities: Priorities,
        generator: torch.Generator,
        *,
        reanalyses: bool,
        compile: Mode,  # noqa: A002
    ) -> None:
        """Draw from a pool by the law of its priorities.

        Args:
            description: sizes and how often credit is assigned anew
            credit: assigns it
            priorities: weighs what is drawn
            generator: of the draws
            reanalyses: whether the replay holds nothing but what the brain may learn from
            compile: whether C++ draws by priority

        """
        self.description = description
        self.credit = credit
        self.priorities = priorities
        self.generator = generator
        self.pool = Pool(int(description.optim_pool_size), priorities.law, compile=compile)
        self._batch, self._drawn = int(description.batch_size), int(description.optim_batch_size)
        self._reanalyses = reanalyses
        self._uses_pool = description.recalc_delay > 0 or description.optim_epochs > 1

    def begin(self, num_envs: int) -> None:
        """Prepare for a number of environments."""

    def push(self, transitions: Transitions) -> None:
        """Put transitions into the pool."""
        resampled = self.priorities.resampled
        self.pool.push(transitions, self.priorities.of_fresh(transitions) if resampled else None)

    def open_turn(self) -> bool:
        """Return whether the pool holds enough for a turn."""
        return len(self.pool) >= self._drawn

    def round(self, table: SegmentTable) -> Iterator[Draw]:
        """Yield the draws of one round."""
        epochs, first = self.description.optim_epochs, 0
        delay = self.description.recalc_delay
        if self._reanalyses and (delay == 0 or self._number() * (delay + 1) < 1.0):
            batch = self.reanalyse(table)
            yield Draw(batch, None, None, min(self._batch, len(batch)))
            first = 1
        if first < epochs:
            drawn, index, weight = self.pool.draw(self._drawn, self.generator)
            weighted = None if self.priorities.uniform else weight
            yield Draw(drawn, index, weighted, self._batch, first * self._batch, epochs - first)

    def _number(self) -> float:
        """Draw a number of U[0, 1)."""
        return float(torch.rand((), generator=self.generator, device=self.generator.device))

    def reanalyse(self, table: SegmentTable) -> Transitions:
        """Go back to the replay for a draw and re-assign its credit.

        It is pushed into the pool, unless no round of this brain ever draws from there.
        """
        segment, time = table.draw(self._drawn, self.description.memory_size, self.generator)
        transitions = self.credit.assign(table, segment, time, refresh=True)
        if self._uses_pool:
            self.push(transitions)
        return transitions

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the pool."""
        return {"pool": self.pool.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.pool.load_state_dict(state["pool"])


class RolloutDraws:
    """Takes rounds that use up what has arrived since the last turn, each time in a new order.

    Nothing of a rollout is cut and no turn sees another one's, whatever the number of environments:
    the pool has room for all that can arrive between two turns.
    """

    def __init__(
        self,
        description: BrainDescription,
        config: AgentConfig,
        priorities: Priorities,
        generator: torch.Generator,
    ) -> None:
        """Draw from the rollout alone.

        Args:
            description: how many minibatches, how often a turn
            config: length of segments
            priorities: of the pool
            generator: of the orders

        """
        self.description = description
        self.config = config
        self.priorities = priorities
        self.generator = generator
        self.pool = Pool(1, priorities.law)
        self.fresh = 0
        """Number of transitions that arrived since the last turn"""
        self._rollout: Transitions | None = None

    def begin(self, num_envs: int) -> None:
        """Make room for the rollouts of a number of environments.

        Between two turns every environment finishes learning_delay steps and what was open before.
        """
        capacity = num_envs * (self.description.learning_delay + self.config.max_steps)
        if self.pool.capacity != capacity:
            self.pool, self.fresh = Pool(capacity, self.priorities.law), 0

    def push(self, transitions: Transitions) -> None:
        """Put transitions into the pool."""
        self.pool.push(transitions)
        self.fresh += len(transitions)

    def open_turn(self) -> bool:
        """Take the rollout out of the pool; return whether there is one."""
        count, self.fresh = min(self.fresh, self.pool.capacity), 0
        if count < self.description.optim_epochs:
            return False
        self._rollout = self.pool.newest(count)
        return True

    def round(self, table: SegmentTable) -> Iterator[Draw]:
        """Yield the parts of the rollout in a new order."""
        rollout = self._rollout
        assert rollout is not None, "open_turn() comes first"
        device = self.generator.device
        order = torch.randperm(len(rollout), generator=self.generator, device=device)
        epochs = self.description.optim_epochs
        if len(order) % epochs == 0:
            yield Draw(rollout, None, None, len(order) // epochs, 0, epochs, order)
            return
        for part in order.tensor_split(epochs):
            yield Draw(rollout, None, None, len(part), order=part)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the pool, and how much of it no turn has seen."""
        return {"pool": self.pool.state_dict(), "fresh": self.fresh}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.pool.load_state_dict(state["pool"])
        self.fresh = state["fresh"]


Draws = PoolDraws | RolloutDraws
"""Where a brain's minibatches come from, chosen once."""
