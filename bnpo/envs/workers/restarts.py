"""Restarts of workers: whether there may be one more, and what it begins with."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bnpo import seeding
from bnpo.envs.workers.care import WorkerCare
from bnpo.errors import WorkerError

__all__ = ["Restarts"]


class Restarts:
    """Counts and announces the restarts of one vector environment's workers."""

    def __init__(self, care: WorkerCare, num_envs: int) -> None:
        """Begin without any restart."""
        self.care = care
        self.lost: npt.NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        """Environments [N] whose episode was lost since the last step."""
        self._seeds: list[int | None] = [None] * num_envs
        self._number = 0  # of all restarts, those before a resume included
        self._here = 0  # those of this process, which are limited
        self._news: list[str] = []

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Remember the seed of each environment, where there is one."""
        pairs = zip(seeds, self._seeds, strict=True)
        self._seeds = [before if seed is None else seed for seed, before in pairs]

    def allow(self, failure: WorkerError) -> None:
        """Announce a restart, or raise the failure where there may be none."""
        if self.care.on_failure == "stop":
            raise failure
        if self._here >= self.care.restarts:
            raise WorkerError(
                f"{failure.headline}; workers have been restarted {self._here} times, allowed are "
                f"worker_restarts = {self.care.restarts}",
                failure.report,
            ) from failure
        self._here += 1
        self._number += 1
        self._news.append(failure.headline)
        logging.getLogger("bnpo.workers").warning(
            "%s; restarted (%d of %d), the episodes that its environments were in are dropped",
            *(failure.headline, self._here, self.care.restarts),
        )

    def fresh_seeds(self, rows: range) -> list[int | None]:
        """Return seeds of fresh episodes, by seed, environment and number of the restart."""
        return [
            None if (seed := self._seeds[row]) is None else self._derived(seed, row) for row in rows
        ]

    def _derived(self, seed: int, row: int) -> int:
        return seeding.derived(seed, row, self._number)[0]

    def news(self) -> list[str]:
        """Return what failed since the last call, one line for each restart."""
        news, self._news = self._news, []
        return news

    def take_lost(self) -> npt.NDArray[np.bool_] | None:
        """Return the environments [N] whose episode was lost, None for none, and forget them."""
        if not self.lost.any():
            return None
        lost, self.lost = self.lost, np.zeros_like(self.lost)
        return lost

    def get_state(self) -> dict[str, Any]:
        """Return what the future depends on."""
        return {"lost": self.lost.copy(), "number": self._number}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over a state; the limit counts anew."""
        self.lost[:] = np.asarray(state.get("lost", False), np.bool_)
        self._number = int(state.get("number", 0))
