"""What training itself tells between evaluations: its episodes, the brains' turns, speeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.types.step import Step
from bnpo.types.stream import Episodes, Scalars

__all__ = ["EpisodeCounter", "Stream"]


class EpisodeCounter:
    """Sums rewards and steps of the training episodes that are under way."""

    def __init__(self, num_envs: int) -> None:
        """Begin an episode in every environment."""
        self._sums = np.zeros((3, num_envs))  # rewards, steps, score
        self._scores = False

    def note(self, step: Step) -> Episodes | None:
        """Count one step of every environment; return the episodes that it ended, if any.

        Episodes of environments that a failed worker lost are not counted.
        """
        sums = self._sums
        sums[0] += step.reward.cpu().numpy().sum(-1)
        sums[1] += 1
        if step.score is not None:
            self._scores = True
            sums[2] += np.nan_to_num(step.score.cpu().numpy())
        episodes = None
        ended = (step.terminated | step.truncated).cpu().numpy()
        if ended.any():
            episodes = self._ended(ended, step)
            sums[:, ended] = 0.0
        if step.lost is not None:
            sums[:, step.lost.cpu().numpy()] = 0.0
        return episodes

    def _ended(self, ended: NDArray[np.bool_], step: Step) -> Episodes:
        returns, lengths, score = self._sums[:, ended].copy()
        unknown = np.full(len(returns), math.nan)
        told = step.success
        success = unknown if told is None else told.cpu().numpy()[ended].astype(np.float64)
        return Episodes(returns, lengths, success, score if self._scores else unknown)

    def state_dict(self) -> dict[str, Any]:
        """Sums so far."""
        return {"sums": self._sums.tolist(), "scores": self._scores}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from sums of as many environments."""
        self._sums[:] = state["sums"]
        self._scores = state["scores"]


class Stream:
    """Gathers scalars until the next line of the training stream; of several values the mean."""

    def __init__(self) -> None:
        """Begin a line."""
        self._sums: dict[str, list[float]] = {}  # sum and number of values
        self._episodes = 0
        self._told_success = False
        self._begun = (0, 0, 0.0)  # environment steps, gradient steps, seconds

    def log(self, name: str, value: float) -> None:
        """Add a value of a scalar."""
        sums = self._sums.setdefault(name, [0.0, 0.0])
        sums[0] += float(value)
        sums[1] += 1.0

    def note_episodes(self, episodes: Episodes) -> None:
        """Add training episodes that ended.

        One that did not tell success is a failure if others do: so evaluation counts them.
        """
        success = episodes.success
        self._told_success |= not np.isnan(success).all()
        columns = {"return": episodes.returns, "length": episodes.lengths, "score": episodes.score}
        if self._told_success:
            columns["success"] = np.nan_to_num(success)
        self._episodes += len(success)
        for name, column in columns.items():
            if not np.isnan(column[0]):
                sums = self._sums.setdefault(f"rollout/{name}", [0.0, 0.0])
                sums[0] += float(column.sum())
                sums[1] += len(column)

    def note_turns(self, scalars: Mapping[str, Mapping[str, float]]) -> None:
        """Add what brains told of a turn."""
        for brain, info in scalars.items():
            for quantity, value in info.items():
                if math.isfinite(value):
                    self.log(f"{brain}/{quantity}", value)

    def begin(self, env_steps: int, gradient_steps: int, wall_s: float) -> None:
        """Measure speeds from here on."""
        self._begun = env_steps, gradient_steps, wall_s

    def line(self, env_steps: int, gradient_steps: int, wall_s: float, **times: float) -> Scalars:
        """End a line and begin the next.

        Args:
            env_steps: single-environment steps so far
            gradient_steps: of all brains so far
            wall_s: seconds of training so far
            **times: further quantities of the group ``time``

        """
        values = {name: total / number for name, (total, number) in sorted(self._sums.items())}
        values["rollout/episodes"] = float(self._episodes)
        steps, gradients, seconds = self._begun
        elapsed = max(wall_s - seconds, 1e-9)
        values["time/env_steps_per_s"] = (env_steps - steps) / elapsed
        values["time/gradient_steps_per_s"] = (gradient_steps - gradients) / elapsed
        values["time/gradient_steps"] = float(gradient_steps)
        values |= {f"time/{name}": value for name, value in times.items()}
        self._sums, self._episodes = {}, 0
        self.begin(env_steps, gradient_steps, wall_s)
        return Scalars(env_steps=env_steps, wall_s=wall_s, values=values)

    def state_dict(self) -> dict[str, Any]:
        """The line so far."""
        return {
            "sums": {name: list(sums) for name, sums in self._sums.items()},
            "episodes": self._episodes,
            "told_success": self._told_success,
            "begun": list(self._begun[:2]),
            "begun_wall_s": self._begun[2],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a line."""
        self._sums = {name: list(sums) for name, sums in state["sums"].items()}
        self._episodes = state["episodes"]
        self._told_success = state["told_success"]
        steps, gradients = state["begun"]
        self._begun = steps, gradients, state["begun_wall_s"]
