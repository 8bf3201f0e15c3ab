"""The rollout loop: one step of a batch of environments, from a decision to what came of it.

Training, evaluation, recording, offline data, guiding samples, exports and Ray workers all step
their environments here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bnpo.envs.kept_info import pack
from bnpo.envs.making import Observations
from bnpo.envs.vector_info import RESTARTED, told_of_step
from bnpo.errors import Diverged
from bnpo.types import InfoKey
from bnpo.types.step import Decision, Observation, Step

__all__ = [
    "Converter",
    "Rollout",
    "as_goal_observation",
    "require_finite",
    "step_info",
    "true_next_observation",
]

_SCORE = "contact_reward"
"""Key of the info in which an environment tells a score of its own."""


class Converter(Protocol):
    """Translates between the arrays of environments and the tensors of networks."""

    def tensors(
        self,
        observations: Mapping[str, NDArray[Any]],
        before: Observation | None = None,
        ended: NDArray[np.bool_] | None = None,
    ) -> Observation:
        """Return observations and goals as the networks take them.

        Args:
            observations: of the environments
            before: one step earlier; None: episodes begin here
            ended: [N], environments that show the first observation of a new episode; None: none

        """

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """Return an array on the networks' device, in their floating point type or as booleans."""

    def playable(self, action: Tensor) -> NDArray[Any]:
        """Return actions [N, A] as the environments take them: inside the Box."""


class Rollout:
    """Steps a batch of environments and knows their present observations."""

    def __init__(
        self,
        env: Any,
        converter: Converter,
        reset: Any,
        *,
        env_steps: int = 0,
        first: int = 0,
        info: Sequence[InfoKey] = (),
        checks: bool = True,
    ) -> None:
        """Start from environments that were just reset.

        Args:
            env: a vector environment that resets in the step that ends an episode
            converter: translates arrays and tensors
            reset: observations that the reset returned
            env_steps: single-environment steps taken so far, for messages
            first: number of the first environment, for messages
            info: what to keep of info
            checks: end the run where a number is not finite; the first ones are always checked

        Raises:
            Diverged: an observation is not finite.

        """
        self.env = env
        self.converter = converter
        self.num_envs = int(env.num_envs)
        self.env_steps = env_steps
        self.infos: dict[str, Any] = {}
        """Info of the last step"""
        self.reward: NDArray[Any] = np.zeros(self.num_envs)
        """Reward of the last step as the environments paid it, [N] or [N, R]"""
        self.led_to: Observations = {}
        """Where the last step led to, as the environments showed it"""
        self._first = first
        self._keys = info
        self._checks = checks
        shown = as_goal_observation(reset)
        for name, array in shown.items():
            if array.size:
                require_finite(name, array, env_steps, first)
        self.observation = converter.tensors(shown)

    def step(self, decision: Decision, lag: int = 0) -> Step:
        """Take one step of every environment.

        Args:
            decision: actions of all environments
            lag: how many vector steps of learning the acting policy was behind

        Raises:
            Diverged: a reward or an observation is not finite.

        """
        convert = self.converter
        observations, reward, terminated, truncated, infos = self.env.step(
            convert.playable(decision.action)
        )
        self.infos, self.reward = infos, reward
        self.env_steps += self.num_envs
        ended = terminated | truncated
        low, high = self._check(reward, observations)
        lost = infos.get(RESTARTED)
        begun = ended if lost is None else ended | lost
        following = as_goal_observation(observations)
        reset_observation = convert.tensors(following, self.observation, begun)
        next_observation, self.led_to = reset_observation, following
        success = score = None
        if _SCORE in infos or _SCORE in infos.get("final_info", ()):
            score = convert.tensor(step_info(infos, _SCORE, self.num_envs))
        if ended.any():
            success = convert.tensor(step_info(infos, "is_success", self.num_envs))
            final = true_next_observation(observations, infos)
            self._check(reward, final)
            self.led_to = final
            next_observation = convert.tensors(final, self.observation)
        self.observation = reset_observation
        return Step(
            decision=decision,
            reward=convert.tensor(reward).reshape(self.num_envs, -1),
            terminated=convert.tensor(terminated),
            truncated=convert.tensor(truncated),
            next_observation=next_observation,
            reset_observation=reset_observation,
            reward_low=low,
            reward_high=high,
            lag=lag,
            lost=None if lost is None else convert.tensor(lost),
            success=success,
            score=score,
            info=convert.tensor(pack(infos, self._keys, self.num_envs)) if self._keys else None,
        )

    def _check(self, reward: NDArray[Any], observations: Any) -> tuple[float, float]:
        """End the run where a number is not finite; else return the range of the rewards."""
        total = reward.reshape(len(reward), -1).sum(-1)
        if not self._checks:
            return float(total.min()), float(total.max())
        ends = require_finite("reward", total, self.env_steps, self._first)
        for name, array in as_goal_observation(observations).items():
            if array.size:
                require_finite(name, array, self.env_steps, self._first)
        return ends


def as_goal_observation(observations: Any) -> Observations:
    """Return observations as the three arrays of a goal environment.

    Observations [N, O] of an environment without goals get empty goals [N, 0].
    """
    if isinstance(observations, dict):
        return observations
    empty = np.empty((len(observations), 0), observations.dtype)
    return {"observation": observations, "achieved_goal": empty, "desired_goal": empty.copy()}


def true_next_observation(observations: Any, infos: dict[str, Any]) -> Observations:
    """Return what each step led to: the final observation where an episode ended [N, .].

    ``observations`` of a batch that resets in the same step hold the next episode's first
    observation there; they are not changed.
    """
    following = as_goal_observation(observations)
    ended = infos.get("_final_obs")
    if ended is None or not ended.any():
        return following
    rows = np.flatnonzero(ended)
    finals = infos["final_obs"][rows]
    following = {key: values.copy() for key, values in following.items()}
    for key in following:
        if isinstance(finals[0], dict):
            following[key][rows] = [final[key] for final in finals]
        elif key == "observation":
            following[key][rows] = list(finals)
    return following


def require_finite(
    what: str, array: NDArray[Any], env_steps: int, first: int = 0
) -> tuple[float, float]:
    """Return the least and the largest number of an array [N, ...] over environments.

    Args:
        what: the quantity
        array: [N, ...]
        env_steps: environment steps so far
        first: number of the first environment

    Raises:
        Diverged: naming the environment, the quantity and the step, where one is not finite.

    """
    low, high = float(array.min()), float(array.max())
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    row, *_ = np.argwhere(~np.isfinite(array))[0]
    value = array[row][~np.isfinite(array[row])].flat[0]
    raise Diverged(
        f"environment {first + row}: {what} = {value} at environment step {env_steps}; the "
        "simulation or its reward is at fault"
    )


def step_info(infos: dict[str, Any], key: str, num_envs: int) -> NDArray[np.float64]:
    """Return ``info[key]`` of the step just taken, ended episodes included [N]; NaN where absent.

    A boolean, a number or an array of one counts; what is neither is as good as absent.
    ``"is_success"`` also finds ``"success"``, as the Maze family calls it.
    """
    values = np.full(num_envs, np.nan)
    for name in ("success", "is_success") if key == "is_success" else (key,):
        for source, told in told_of_step(infos, num_envs):
            if name in source and not isinstance(source[name], dict):
                column = source[name]
                rows = np.flatnonzero(told & source.get(f"_{name}", True))
                plain = isinstance(column, np.ndarray) and column.dtype.kind in "bif"
                if plain and column.ndim == 1:
                    values[rows] = column[rows]
                else:
                    values[rows] = [_number(column[row]) for row in rows]
    return values


def _number(value: Any) -> float:
    """Return a number, also out of an array of one; NaN for anything else."""
    if isinstance(value, str | bytes):
        return math.nan
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return math.nan
    return float(array.reshape(())) if array.size == 1 else math.nan
