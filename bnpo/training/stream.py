"""What a run counts at every step: where it stands, its episodes, the brains' turns, speeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnpo.agent import Agent
from bnpo.envs.episodes import EpisodeCounter
from bnpo.training.free import Arrival
from bnpo.training.monitor import Monitor
from bnpo.types.step import Step
from bnpo.types.stream import Episodes, Scalars

__all__ = ["Progress", "Stream", "Tally"]


@dataclass
class Progress:
    """Progress of a run, as its checkpoints hold it."""

    wall_s: float = 0.0
    """Time of training and credit, without evaluation (seconds)"""
    evaluation_s: float = 0.0
    """Time of evaluations, which is not in ``wall_s`` (seconds)"""
    checkpoint_s: float = 0.0
    """Time of checkpoints, which is not in ``wall_s`` (seconds)"""
    turns: dict[str, dict[str, float]] = field(default_factory=dict)
    """Scalars of each brain's last turn"""
    reward_low: float = 0.0
    """Smallest reward so far, or 0 if that is less"""
    reward_high: float = 0.0
    """Largest reward so far, or 0 if that is more"""
    worker_restarts: list[dict[str, Any]] = field(default_factory=list)
    """Environment steps and cause of every restart of a worker"""
    policy_lag: int = 0
    """Largest number of vector steps that the acting policy was behind since the last evaluation;
    of policy versions where rollout workers go their own pace"""

    def note(self, reward_low: float, reward_high: float, lag: int) -> None:
        """Widen the ranges by what one step of every environment brought."""
        self.reward_low = min(self.reward_low, reward_low)
        self.reward_high = max(self.reward_high, reward_high)
        self.policy_lag = max(self.policy_lag, lag)

    def note_restarts(self, env: Any, env_steps: int) -> None:
        """Note the restarts of an environment's workers since the last call, with their causes."""
        news = env.restarts.news() if hasattr(env, "restarts") else []
        self.worker_restarts += [{"env_steps": env_steps, "cause": cause} for cause in news]


class Stream:
    """Gathers scalars until the next line of the training stream; of several values the mean."""

    def __init__(self) -> None:
        """Begin a line."""
        self._sums: dict[str, list[float]] = {}  # sum and number of values
        self._episodes = 0
        self._tells_success = False
        self._begun = (0, 0, 0.0)  # environment steps, gradient steps, seconds

    def log(self, name: str, value: float) -> None:
        """Add a value of a scalar, unless it is not finite."""
        if math.isfinite(value):
            sums = self._sums.setdefault(name, [0.0, 0.0])
            sums[0] += float(value)
            sums[1] += 1.0

    def note_episodes(self, episodes: Episodes) -> None:
        """Add training episodes that ended.

        One that did not tell success is a failure if others do: so evaluation counts them.
        """
        success = episodes.success
        self._tells_success |= not np.isnan(success).all()
        columns = {"return": episodes.returns, "length": episodes.lengths, "score": episodes.score}
        if self._tells_success:
            columns["success"] = np.nan_to_num(success)
        self._episodes += len(success)
        for name, column in columns.items():
            if not np.isnan(column[0]):
                sums = self._sums.setdefault(f"rollout/{name}", [0.0, 0.0])
                sums[0] += float(column.sum())
                sums[1] += len(column)

    def begin(self, env_steps: int, gradient_steps: int, wall_s: float) -> None:
        """Begin to measure speeds at these steps and seconds."""
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
        """Return the the line so far."""
        return {
            "sums": {name: list(sums) for name, sums in self._sums.items()},
            "episodes": self._episodes,
            "told_success": self._tells_success,
            "begun": list(self._begun[:2]),
            "begun_wall_s": self._begun[2],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a line that was begun."""
        self._sums = {name: list(sums) for name, sums in state["sums"].items()}
        self._episodes = state["episodes"]
        self._tells_success = state["told_success"]
        steps, gradients = state["begun"]
        self._begun = steps, gradients, state["begun_wall_s"]


class Tally:
    """All that a run counts; it changes nothing that the run depends on."""

    def __init__(self, agent: Agent, num_envs: int) -> None:
        """Begin a run of an agent on a number of environments."""
        self.progress = Progress()
        self.episodes = EpisodeCounter(num_envs)
        self.stream = Stream()
        self.monitor = Monitor(agent)
        self.ended: Episodes | None = None
        """Training episodes that the last step ended"""
        self.turns: Mapping[str, Mapping[str, float]] = {}
        """Scalars of the turns that brains had after the last step, by brain"""

    def note_step(self, step: Step) -> None:
        """Count one step of every environment."""
        self.progress.note(step.reward_low, step.reward_high, step.lag)
        self.ended = self.episodes.note(step)

    def note_arrival(self, arrival: Arrival) -> None:
        """Count what rollout workers brought for one step of every environment."""
        self.progress.note(arrival.reward_low, arrival.reward_high, arrival.lag)
        self.ended = arrival.episodes

    def note_turns(self, turns: Mapping[str, dict[str, float]]) -> None:
        """Count the turns after a step, by their scalars."""
        self.turns = turns
        self.progress.turns.update(turns)

    def publish(self) -> None:
        """Put episodes and turns of the last step into the stream; warn of what looks wrong."""
        if self.ended is not None:
            self.stream.note_episodes(self.ended)
        for brain, scalars in self.turns.items():
            for quantity, value in scalars.items():
                self.stream.log(f"{brain}/{quantity}", value)
            self.monitor.judge(brain, scalars)
