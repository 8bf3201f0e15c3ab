"""Reward and termination of a goal environment as functions of whole batches of goals.

Relabelling asks many times "what would this step have paid under that goal?". Environments answer
through ``compute_reward`` and ``compute_terminated``, but not each of them answers for a batch:
the Maze family answers once for all rows, and the Hand tasks that ignore one axis of rotation mix
the rows up. So each method is tried on real goals first, and called row by row where its answer
for a batch is not the answers for its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bnpo.envs.lookup import AnyEnv
from bnpo.envs.reacher.single_goal_env import SingleGoalEnv

GoalFunction = Callable[[Any, Any], Any]
"""(achieved goals [B, G], desired goals [B, G]) -> [B], NumPy arrays or torch tensors."""


def reward_function(env: AnyEnv) -> GoalFunction:
    """Return the reward of a goal environment for batches of goals.

    The answer is a function of the two goals alone: ``info`` is given as an empty dict.

    Raises:
        ValueError: the environment has no ``compute_reward``.

    """
    base = env.unwrapped
    if isinstance(base, SingleGoalEnv):
        return base.compute_reward
    method = getattr(base, "compute_reward", None)
    if method is None:
        raise ValueError(
            f"{env} is no goal environment: it has no compute_reward(achieved_goal, desired_goal, "
            "info), and observes no achieved_goal and desired_goal"
        )
    return _batched(env, method)


def termination_function(env: AnyEnv) -> GoalFunction:
    """Return whether reaching a goal ends the episode, for batches of goals.

    An environment without ``compute_terminated`` is taken to end by its time limit alone.
    """
    method = getattr(env.unwrapped, "compute_terminated", None)
    return _never if method is None else _batched(env, method)


def _never(achieved: Any, desired: Any) -> Any:
    """One False per row."""
    return (achieved[..., 0] == desired[..., 0]) & False


def _batched(env: AnyEnv, method: Callable[..., Any]) -> GoalFunction:
    """Return ``method`` for batches, called once if that is the same as row by row."""

    def by_row(achieved: npt.NDArray[Any], desired: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.array([method(a, d, {}) for a, d in zip(achieved, desired, strict=True)])

    def at_once(achieved: npt.NDArray[Any], desired: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(method(achieved, desired, {}))

    chosen = at_once if _agree(at_once, by_row, *_sample_goals(env)) else by_row

    def answer(achieved: Any, desired: Any) -> Any:
        if isinstance(achieved, np.ndarray):
            return chosen(achieved, desired) if len(achieved) else np.zeros(0)
        values = answer(achieved.detach().cpu().numpy(), desired.detach().cpu().numpy())
        return achieved.new_tensor(values)

    return answer


def _agree(
    first: GoalFunction, second: GoalFunction, achieved: npt.NDArray[Any], desired: npt.NDArray[Any]
) -> bool:
    """Whether two functions give the same answers; one that fails does not."""
    expected = second(achieved.copy(), desired.copy())
    try:
        given = first(achieved.copy(), desired.copy())
    except (ValueError, TypeError, IndexError, AssertionError):
        return False
    return given.shape == expected.shape and bool(np.allclose(given, expected))


def _sample_goals(env: AnyEnv) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Pairs of goals, reached and not reached, as they occur in the environment [B, G] each."""
    starts = [env.reset(seed=seed)[0] for seed in range(3)]
    achieved = [start["achieved_goal"] for start in starts]
    desired = [start["desired_goal"] for start in starts]
    first = np.array([*achieved, *desired, *desired])
    second = np.array([*desired, *desired, *achieved[::-1]])
    return first, second
