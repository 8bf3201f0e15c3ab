"""Several online actors that cooperate by exchanging their weights (ReWHEELER)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from bnpo.networks import Actor

__all__ = ["PolicyExchange"]


class PolicyExchange:
    """One actor for each brain instead of one for all; the first brain's acts.

    The predecessor of BPO: its rules share experience, and weights are synchronised. The first
    actor goes to the others after every ``delay`` turns of its brain; what another brain's moves in
    a turn of its own is added to the first (``copied``), so that no turn of either is lost, or the
    two change places (``swapped``).
    """

    def __init__(
        self, actors: Sequence[Actor], mode: Literal["copied", "swapped"], delay: int
    ) -> None:
        """Exchange the weights of the brains' actors.

        Args:
            actors: one per brain
            mode: what happens after a turn of a brain that is not the first
            delay: turns of the first brain between two copies of its actor to the others

        """
        self.actors = actors
        self.mode = mode
        self.delay = delay
        self.turns = 0
        self._remember()

    def _remember(self) -> None:
        """Note the weights of all actors but the first, as they are before their brains' turns."""
        self._before = [
            [p.detach().clone() for p in actor.parameters()] for actor in self.actors[1:]
        ]

    @torch.no_grad()
    def after_turn(self, index: int) -> None:
        """Exchange weights after a turn of the brain at this place of the list."""
        first, own = self.actors[0], self.actors[index]
        if index == 0:
            self.turns += 1
            if self.turns % self.delay == 0:
                for other in self.actors[1:]:
                    other.load_state_dict(first.state_dict())
        elif self.mode == "copied":
            before = self._before[index - 1]
            for shared, mine, start in zip(
                first.parameters(), own.parameters(), before, strict=True
            ):
                shared.add_(mine - start)
        else:
            for a, b in zip(first.parameters(), own.parameters(), strict=True):
                first_weights = a.clone()
                a.copy_(b)
                b.copy_(first_weights)
        self._remember()

    def state_dict(self) -> dict[str, Any]:
        """Return the turns so far and the weights of all actors but the first."""
        return {"turns": self.turns, "others": [actor.state_dict() for actor in self.actors[1:]]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.turns = state["turns"]
        for actor, saved in zip(self.actors[1:], state["others"], strict=True):
            actor.load_state_dict(saved)
        self._remember()
