"""Reward and termination of a goal environment as functions of whole batches of goals.

Relabelling asks many times "what would this step have paid, and would it have ended the episode,
under that goal?". The environment answers as its user wraps it: the outermost ``compute_reward``
and ``compute_terminated`` count, and what a RewardWrapper outside of them makes of a reward.

Not each of them answers for a batch: the Maze family answers once for all rows, and the Hand tasks
that ignore one axis of rotation mix the rows up. So each is tried on real goals first, and called
row by row where its answer for a batch is not the answers for its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from bnpo.envs.lookup import AnyEnv
from bnpo.envs.reacher.single_goal_env import SingleGoalEnv

__all__ = [
    "GoalFunction",
    "GoalFunctions",
    "goal_functions",
    "reward_function",
    "termination_function",
]

GoalFunction = Callable[[Any, Any], Any]
"""(achieved goals [B, G], desired goals [B, G]) -> [B], NumPy arrays or torch tensors."""

_Method = Callable[[Any, Any, Any], Any]
"""Signature of ``compute_reward`` and ``compute_terminated``: achieved, desired, info."""


@dataclass(frozen=True, kw_only=True)
class GoalFunctions:
    """What hindsight asks of a goal environment."""

    reward: GoalFunction
    """Reward of reaching a goal where another one was asked for"""

    terminated: GoalFunction
    """Whether that ends the episode"""

    tells_terminated: bool
    """Whether the environment says so itself; else no goal is taken to end an episode"""

    reward_of_step: Callable[[Any, Any, Mapping[str, Any]], tuple[Any, list[str]]] | None = None
    """Reward of one step with its info, and the keys of info that were looked at"""


def goal_functions(env: AnyEnv) -> GoalFunctions:
    """Return what hindsight asks of a goal environment.

    Raises:
        ValueError: the environment has no ``compute_reward``, or one that needs info.

    """
    method, native = _reward_method(env)
    return GoalFunctions(
        reward=reward_function(env),
        terminated=termination_function(env),
        tells_terminated=_outermost(env, "compute_terminated")[0] is not None,
        reward_of_step=None if native else _of_step(method),
    )


def reward_function(env: AnyEnv) -> GoalFunction:
    """Return the reward of a goal environment for batches of goals.

    The answer is a function of the two goals alone: ``info`` is given as an empty dict.

    Raises:
        ValueError: the environment has no ``compute_reward``, or one that needs info.

    """
    method, native = _reward_method(env)
    return method if native else _batched(env, method, "compute_reward")


def termination_function(env: AnyEnv) -> GoalFunction:
    """Return whether reaching a goal ends the episode, for batches of goals.

    An environment without ``compute_terminated`` is taken to end by its time limit alone.
    """
    method, _ = _outermost(env, "compute_terminated")
    if method is None:
        return _never
    answer = _batched(env, method, "compute_terminated")

    def ends(achieved: Any, desired: Any) -> Any:
        values = answer(achieved, desired)
        return values.reshape(len(achieved)) != 0

    return ends


def _reward_method(env: AnyEnv) -> tuple[Any, bool]:
    """Return the reward of single goals, and whether it answers for batches and tensors itself."""
    method, outside = _outermost(env, "compute_reward")
    if method is None:
        raise ValueError(
            f"{env} is no goal environment: it has no compute_reward(achieved_goal, desired_goal, "
            "info), and observes no achieved_goal and desired_goal"
        )
    transforms = [one for one in reversed(outside) if isinstance(one, gym.RewardWrapper)]
    if not transforms:
        return method, isinstance(getattr(method, "__self__", None), SingleGoalEnv)

    def transformed(achieved: Any, desired: Any, info: Any) -> Any:
        value = method(achieved, desired, info)
        for wrapper in transforms:
            value = wrapper.reward(value)
        return value

    return transformed, False


def _outermost(env: AnyEnv, name: str) -> tuple[Any, list[AnyEnv]]:
    """Return a method of the outermost layer that has it, and the layers outside of that one."""
    outside: list[AnyEnv] = []
    layer = env
    while True:
        if callable(method := getattr(layer, name, None)):
            return method, outside
        if not isinstance(layer, gym.Wrapper):
            return None, outside
        outside.append(layer)
        layer = layer.env


def _never(achieved: Any, desired: Any) -> Any:
    """One False per row."""
    return (achieved[..., 0] == desired[..., 0]) & False


class _WatchedInfo(dict[str, Any]):
    """Info that notes which of its keys are looked at."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        super().__init__(info)
        self.asked: dict[str, None] = {}

    def __getitem__(self, key: str) -> Any:
        self.asked[key] = None
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] = None
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.asked[str(key)] = None
        return super().__contains__(key)


def _of_step(method: _Method) -> Callable[[Any, Any, Mapping[str, Any]], tuple[Any, list[str]]]:
    """Return a method that also tells which keys of info it looks at."""

    def answer(achieved: Any, desired: Any, info: Mapping[str, Any]) -> tuple[Any, list[str]]:
        watched = _WatchedInfo(info)
        value = method(achieved.copy(), desired.copy(), watched)
        return np.asarray(value, np.float64), [*watched.asked]

    return answer


def _batched(env: AnyEnv, method: _Method, name: str) -> GoalFunction:
    """Return ``method`` for batches, called once if that is the same as row by row."""
    kinds = _goal_types(env)

    def by_row(achieved: npt.NDArray[Any], desired: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.array([method(a, d, {}) for a, d in zip(achieved, desired, strict=True)])

    def at_once(achieved: npt.NDArray[Any], desired: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(method(achieved, desired, {}))

    goals = _sample_goals(env)
    chosen = at_once if _agree(env, at_once, by_row, method, name, goals) else by_row

    def answer(achieved: Any, desired: Any) -> Any:
        if isinstance(achieved, np.ndarray):
            if not len(achieved):
                return np.zeros(0)
            given = (achieved, desired)  # copies: a method may write to its arguments
            return chosen(*(goal.astype(kind) for goal, kind in zip(given, kinds, strict=True)))
        values = answer(achieved.detach().cpu().numpy(), desired.detach().cpu().numpy())
        return achieved.new_tensor(values)

    return answer


def _agree(
    env: AnyEnv,
    first: GoalFunction,
    second: GoalFunction,
    method: _Method,
    name: str,
    goals: tuple[npt.NDArray[Any], npt.NDArray[Any]],
) -> bool:
    """Whether two functions give the same answers; the first, which fails, does not.

    Raises:
        ValueError: the second fails, which is asked about one pair of goals at a time.

    """
    achieved, desired = goals
    try:
        expected = second(achieved.copy(), desired.copy())
    except Exception as error:
        raise ValueError(_complaint(env, method, name, goals, error)) from error
    try:
        given = first(achieved.copy(), desired.copy())
    except Exception:
        return False
    if given.shape != expected.shape:
        return False
    size = float(np.abs(expected).max(initial=0.0))
    return bool(np.allclose(given, expected, rtol=1e-5, atol=1e-6 * size))


def _complaint(
    env: AnyEnv,
    method: _Method,
    name: str,
    goals: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    error: Exception,
) -> str:
    """Say in one line why a method cannot be asked about goals alone."""
    watched = _WatchedInfo({})
    try:
        method(goals[0][0].copy(), goals[1][0].copy(), watched)
    except Exception as again:
        error = again
    env_id = type(env.unwrapped).__name__ if env.spec is None else env.spec.id
    what = " ".join(f"{type(error).__name__}: {error}".split())
    if watched.asked:
        keys = ", ".join(f"info[{key!r}]" for key in watched.asked)
        return (
            f"{env_id}: {name} needs {keys}, which hindsight does not keep ({what}): let it depend "
            "on the two goals alone"
        )
    return f"{env_id}: {name}(achieved_goal, desired_goal, info) fails ({what})"


def _goal_types(env: AnyEnv) -> tuple[Any, Any]:
    """Return the dtypes of achieved and desired goals."""
    spaces = getattr(env.observation_space, "spaces", {})
    return tuple(  # type: ignore[return-value]
        spaces[key].dtype if key in spaces else np.float64
        for key in ("achieved_goal", "desired_goal")
    )


def _sample_goals(env: AnyEnv) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Pairs of goals, reached and not reached, as they occur in the environment [B, G] each."""
    starts = []
    for seed in range(3):
        shown = env.reset(seed=seed)[0]
        starts.append({key: np.array(shown[key]) for key in ("achieved_goal", "desired_goal")})
    achieved = [start["achieved_goal"] for start in starts]
    desired = [start["desired_goal"] for start in starts]
    first = np.array([*achieved, *desired, *desired])
    second = np.array([*desired, *desired, *achieved[::-1]])
    return first, second
