"""Stepping and training at the same time: environments step ahead of the brains, in a thread."""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from bnpo.agent import Agent
from bnpo.agent.policy import Policy
from bnpo.networks import Normalizer
from bnpo.training.rollout import Stepper
from bnpo.types.step import Step

__all__ = ["Ahead"]


class _Order(NamedTuple):
    """One step that the thread is to take."""

    policy: Policy
    """Policy that takes the step in lock-step; else the newest one does"""

    begins: bool
    """Whether a rollout with new statistics of normalisation begins"""


class Ahead:
    """Takes steps a bounded number of vector steps ahead of the brains, which learn meanwhile.

    The brains are given the steps one by one and take the turns that they would take without it:
    gradient steps per environment step are the same. Only the policy that acts is older: in
    lock-step that of exactly ``lead`` vector steps before, so that the seed alone decides a run;
    else the newest that there is, at most ``lead`` vector steps old.

    In lock-step and with likelihood-ratio brains, new statistics of normalisation come into force
    where a rollout of such a brain begins: with its first step for acting, and for learning when
    the brains have come to that step. A rollout is acted and learnt from with the same ones.
    """

    def __init__(self, agent: Agent, stepper: Stepper, lead: int, *, lockstep: bool) -> None:
        """Start the thread.

        Args:
            agent: whose policy acts
            stepper: the environments; nobody else may step them
            lead: vector steps by which the policy may be behind
            lockstep: always by as many

        """
        assert isinstance(agent.encoder, Normalizer)  # TrainConfig.require_fits
        self.agent = agent
        self.encoder = agent.encoder
        self.stepper = stepper
        self.lead = lead
        self.lockstep = lockstep
        renews = lockstep and agent.normalization.on_policy and self.encoder.enabled
        self._statistics: Normalizer | None = self.encoder.clone() if renews else None
        """Statistics of normalisation of the steps ordered last; None if they are those of
        learning"""
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._taken: SimpleQueue[Step | Exception] = SimpleQueue()
        self._ready: deque[Step] = deque()
        self._ordered = 0  # steps of which the thread's answer was not received
        self._closed = False
        self._newest = self._copy()
        self._thread = Thread(target=self._run, name="bnpo stepping", daemon=True)
        self._thread.start()

    def next(self) -> Step:
        """Return the next step for the brains; the thread goes on with later ones.

        Raises:
            Exception: what the environments raised in that step.

        """
        self._refresh()
        while (ahead := self._ordered + len(self._ready)) <= self.lead:
            self._order(self.agent.vector_steps + ahead)
        if not self._ready:
            self._receive()
        step = self._ready.popleft()
        if step.statistics is not None:
            self.encoder.put_in_force(step.statistics)
        return step

    def settle(self) -> None:
        """Wait until every step that was ordered has been taken."""
        while self._ordered:
            self._receive()

    def state_dict(self) -> dict[str, Any]:
        """Return the steps that the brains have not seen, and the statistics that act."""
        self.settle()
        statistics = self._statistics
        return {
            "steps": list(self._ready),
            "statistics": None if statistics is None else statistics.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state of equal settings."""
        self.settle()
        self._ready = deque(Step.restore(step, self.agent.device) for step in state["steps"])
        if self._statistics is not None:
            self._statistics.load_state_dict(state["statistics"])
        self._newest = self._copy()

    def close(self) -> None:
        """End the thread after the step that it is taking."""
        self._closed = True
        self._orders.put(None)
        self._thread.join()

    def _order(self, index: int) -> None:
        """Have the vector step of this number taken."""
        encoder = self.encoder
        begins = self._statistics is not None and self.agent.normalization.may_change(index)
        if begins:
            encoder.count_pending()
            begins = bool(encoder.totals[0].any())
        if begins:
            self._statistics = encoder.clone()
            self._statistics.put_in_force(self._statistics.statistics())
            self._newest = self._copy()
        self._orders.put(_Order(self._newest, begins))
        self._ordered += 1

    def _receive(self) -> None:
        """Wait for the thread's next step."""
        step = self._taken.get()
        if isinstance(step, Exception):
            self._taken.put(step)  # for whoever asks again
            raise step
        self._ordered -= 1
        self._ready.append(step)

    def _refresh(self) -> None:
        """Make the agent's present policy the newest one, by a copy only if it has changed."""
        agent, newest = self.agent, self._newest
        if self._key == (agent.gradient_steps, self.encoder.changes):
            self._newest = Policy(
                newest.encoder, newest.actor, newest.config, version=agent.vector_steps
            )
        else:
            self._newest = self._copy()

    def _copy(self) -> Policy:
        agent = self.agent
        self._key = (agent.gradient_steps, self.encoder.changes)
        policy = agent.policy.snapshot(version=agent.vector_steps)
        if self._statistics is not None:
            policy.encoder = self._statistics
        return policy

    def _run(self) -> None:
        """Take steps as they are ordered, until one fails."""
        while (order := self._orders.get()) is not None and not self._closed:
            policy = order.policy if self.lockstep else self._newest
            try:
                step = self.stepper.step(policy)
            except Exception as error:
                self._taken.put(error)
                return
            if order.begins and isinstance(policy.encoder, Normalizer):
                step = step._replace(statistics=policy.encoder.statistics())
            self._taken.put(step)
