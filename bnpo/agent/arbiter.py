"""The arbiter: how much of its turn each brain of a list may use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bnpo import seeding
from bnpo.agent.brain import Brain, TurnReport
from bnpo.agent.calibration import calibration, fresh_segments
from bnpo.config import AgentConfig
from bnpo.errors import ConfigError
from bnpo.replay import SegmentTable

__all__ = ["Arbiter"]

BLOCK = 4
"""Turns of every brain between two decisions of ``progress``."""

_MEMORY = 0.3
"""Weight of the newest block in what a brain has gained so far."""


class Arbiter:
    """Divides gradient steps and KL budgets between brains: a share in [floor, 1] of each turn.

    Under ``trust="fixed"`` there is none: every brain uses its turns whole.

    * ``annealed``: pathwise brains go from 1 to the floor over ``trust_steps`` environment steps,
      likelihood-ratio brains the other way.
    * ``effective_sample_size``: a likelihood-ratio brain's share is the effective share of its last
      minibatch, a pathwise brain's what these leave.
    * ``calibration``: the share is the variance of fresh returns that the brain's values explain.
    * ``progress``: for a block of turns one brain is favoured, the others have the floor. What the
      block gained (return of the on-policy environments, per gradient step) is credited to it; the
      next is the one that gained most so far, or with probability floor any. None is starved.
    """

    def __init__(self, brains: Sequence[Brain], config: AgentConfig, seed: int) -> None:
        """Begin with the whole of its turns for every brain.

        Raises:
            ConfigError: the way of dividing lacks what it needs.

        """
        self.brains = list(brains)
        self.config = config
        self._require_what_it_needs()
        self._generator = seeding.generator("cpu", seed, seeding.ARBITER)
        self._shares = [1.0] * len(self.brains)
        self._gains: list[float | None] = [None] * len(self.brains)
        self._favoured, self._turns, self._cost = 0, 0, 0
        self._returns: list[float] = []
        self._before: float | None = None

    def _require_what_it_needs(self) -> None:
        """Refuse a way of dividing that lacks the brains or the rollouts that it decides by."""
        trust, config = self.config.trust, self.config
        if len(self.brains) < 2:
            raise ConfigError(
                f"agent.trust = {trust!r} with one brain, {self.brains[0].name!r}: allowed is "
                "'fixed', or a list of several brains"
            )
        fresh = config.parameter_noise is None and (
            config.on_policy_share > 0 or 1.0 in config.exploration
        )
        if trust in ("progress", "calibration") and not fresh:
            raise ConfigError(
                f"agent.trust = {trust!r} without rollouts of the policy itself: set "
                "agent.on_policy_share above 0 and parameter_noise=None, or agent.trust='fixed'"
            )

    def share(self, index: int, env_steps: int) -> float:
        """Return the share of its turn that a brain may use now."""
        config = self.config
        if config.trust != "annealed":
            return self._shares[index]
        done = min(env_steps / config.trust_steps, 1.0) * (1.0 - config.trust_floor)
        return 1.0 - done if self.brains[index].step.rule.pathwise else config.trust_floor + done

    def note_rollouts(self, table: SegmentTable, rows: Tensor) -> None:
        """Note the returns of those of the segments [K] that the policy itself acted."""
        if self.config.trust == "progress":
            own = rows[table.on_policy[rows]]
            self.note_returns(table.trajectories.reward[own].nan_to_num().sum((1, 2)).tolist())

    def note_returns(self, returns: list[float]) -> None:
        """Note the returns of episodes that the policy itself acted."""
        self._returns += returns

    def after_turns(self, table: SegmentTable, reports: dict[str, TurnReport]) -> None:
        """Compute the shares of the next turns, after turns of some brains."""
        if not reports:
            return
        if self.config.trust == "progress":
            self._turns += 1
            self._cost += sum(report.gradient_steps for report in reports.values())
            if self._turns >= BLOCK:
                self._close_block()
        elif self.config.trust == "effective_sample_size":
            self._by_samples(reports)
        elif self.config.trust == "calibration":
            self._by_calibration(table)

    def _close_block(self) -> None:
        """Credit what a block gained and choose whom to favour next."""
        now = sum(self._returns) / len(self._returns) if self._returns else None
        if now is not None and self._before is not None:
            gain, old = (now - self._before) / max(self._cost, 1), self._gains[self._favoured]
            new = gain if old is None else (1 - _MEMORY) * old + _MEMORY * gain
            self._gains[self._favoured] = new
        self._before = now if now is not None else self._before
        self._returns, self._turns, self._cost = [], 0, 0
        untried = [index for index, gain in enumerate(self._gains) if gain is None]
        number = float(torch.rand((), generator=self._generator))
        if untried:
            self._favoured = untried[0]
        elif number < self.config.trust_floor:
            self._favoured = int(number / self.config.trust_floor * len(self.brains))
        else:
            self._favoured = max(range(len(self.brains)), key=lambda i: self._gains[i] or 0.0)
        floor = self.config.trust_floor
        self._shares = [
            1.0 if index == self._favoured else floor for index in range(len(self.brains))
        ]

    def _by_samples(self, reports: dict[str, TurnReport]) -> None:
        counted = []
        for index, brain in enumerate(self.brains):
            report = reports.get(brain.name)
            if report is not None and not brain.step.rule.pathwise:
                self._shares[index] = self._bounded(report.info.get("effective_sample_share", 1.0))
                counted.append(self._shares[index])
        if counted:
            rest = self._bounded(1.0 - sum(counted) / len(counted))
            for index, brain in enumerate(self.brains):
                if brain.step.rule.pathwise:
                    self._shares[index] = rest

    def _by_calibration(self, table: SegmentTable) -> None:
        segments = fresh_segments(table)
        if segments is None:
            return
        for index, brain in enumerate(self.brains):
            explained = calibration(brain.step, segments, brain.evaluator.gamma)
            self._shares[index] = self._bounded(float(explained["explained_variance"]))

    def _bounded(self, share: float) -> float:
        return min(max(share, self.config.trust_floor), 1.0)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that decides the next shares."""
        return {
            "generator": self._generator.get_state(),
            "shares": list(self._shares),
            "gains": list(self._gains),
            "favoured": self._favoured,
            "turns": self._turns,
            "cost": self._cost,
            "returns": list(self._returns),
            "before": self._before,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self._generator.set_state(state["generator"])
        self._shares, self._gains = list(state["shares"]), list(state["gains"])
        self._favoured, self._turns = state["favoured"], state["turns"]
        self._cost, self._returns = state["cost"], list(state["returns"])
        self._before = state["before"]
