"""Reward and termination of a goal environment as functions of whole batches of goals.

Relabelling asks many times "what would this step have paid, and would it have ended the episode,
under that goal?". The environment answers as its user wraps it: the outermost ``compute_reward``,
``compute_terminated`` and ``compute_truncated`` count, and what a RewardWrapper outside of them
makes of a reward. What they read of info is found by playing some steps, and only if they read any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import gymnasium as gym
import numpy as np

from bnpo.envs.goal_answers import GoalFunction, GoalPairs, batched, name_of
from bnpo.envs.kept_info import Method, WatchedInfo, find_keys, pack_each
from bnpo.envs.lookup import AnyEnv, in_this_folder
from bnpo.envs.reacher.single_goal_env import SingleGoalEnv
from bnpo.envs.trial import play
from bnpo.errors import headline
from bnpo.types import InfoKey

__all__ = [
    "GoalFunction",
    "GoalFunctions",
    "goal_functions",
    "reward_function",
    "termination_function",
]

_PLAYED = 40
"""Steps that are played to find out what is read of info."""


@dataclass(frozen=True, kw_only=True)
class GoalFunctions:
    """What hindsight asks of a goal environment."""

    reward: GoalFunction
    """Reward of reaching a goal where another one was asked for"""

    terminated: GoalFunction
    """Whether that is terminal"""

    truncated: GoalFunction
    """Whether that cuts the episode"""

    tells_terminated: bool
    """Whether the environment says so itself; else no goal is taken to end an episode"""

    keys: tuple[InfoKey, ...] = ()
    """What they read of info"""

    reward_of_step: Callable[[Any, Any, Mapping[str, Any]], tuple[Any, list[str]]] | None = None
    """Reward of one step with its info, and the keys of info that were looked at"""


def goal_functions(env: AnyEnv) -> GoalFunctions:
    """Return what hindsight asks of a goal environment.

    Raises:
        ValueError: the environment has no ``compute_reward``, or one that fails, or that needs
            info that hindsight cannot keep.

    """
    with in_this_folder():
        return _functions_of(env)


def _functions_of(env: AnyEnv) -> GoalFunctions:
    reward, native = _reward_method(env)
    methods = {"compute_reward": reward}
    for name in ("compute_terminated", "compute_truncated"):
        if (method := _outermost(env, name)[0]) is not None:
            methods[name] = method
    if native and len(methods) == 1:
        return GoalFunctions(
            reward=reward, terminated=_never, truncated=_never, tells_terminated=False
        )
    goals = _sample_goals(env)
    for name in [*methods][1:]:  # Gymnasium-robotics' base class has them all, to be overridden
        if _is_abstract(methods[name], goals):
            del methods[name]
    keys: tuple[InfoKey, ...] = ()
    if not native and any(_reads_info(method, goals) for method in methods.values()):
        keys, goals = _played_goals(env, methods)

    def ends(name: str) -> GoalFunction:
        return _flags(batched(env, methods[name], name, goals, keys)) if name in methods else _never

    return GoalFunctions(
        reward=reward if native else batched(env, reward, "compute_reward", goals, keys),
        terminated=ends("compute_terminated"),
        truncated=_when_asked(partial(ends, "compute_truncated")),
        tells_terminated="compute_terminated" in methods,
        keys=keys,
        reward_of_step=None if native else _of_step(reward),
    )


def reward_function(env: AnyEnv) -> GoalFunction:
    """Return the reward of a goal environment for batches of goals.

    Raises:
        ValueError: see :func:`goal_functions`.

    """
    return goal_functions(env).reward


def termination_function(env: AnyEnv) -> GoalFunction:
    """Return whether reaching a goal is terminal, for batches of goals.

    An environment without ``compute_terminated`` is taken to end by its time limit alone.

    Raises:
        ValueError: see :func:`goal_functions`.

    """
    return goal_functions(env).terminated


def _when_asked(make: Callable[[], GoalFunction]) -> GoalFunction:
    """Return a function that is made when it is first called; few schemes ask."""
    make = cache(make)
    return lambda achieved, desired, info=None: make()(achieved, desired, info)


def _flags(answer: GoalFunction) -> GoalFunction:
    """Return answers as booleans [B]."""

    def flags(achieved: Any, desired: Any, info: Any = None) -> Any:
        return answer(achieved, desired, info).reshape(len(achieved)) != 0

    return flags


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


def _never(achieved: Any, desired: Any, info: Any = None) -> Any:  # noqa: ARG001
    """One False per row."""
    return (achieved[..., 0] == desired[..., 0]) & False


def _of_step(method: Method) -> Callable[[Any, Any, Mapping[str, Any]], tuple[Any, list[str]]]:
    """Return a method that also tells which keys of info it looks at."""

    def answer(achieved: Any, desired: Any, info: Mapping[str, Any]) -> tuple[Any, list[str]]:
        watched = WatchedInfo(info)
        value = method(achieved.copy(), desired.copy(), watched)
        return np.asarray(value, np.float64), [*watched.asked]

    return answer


def _is_abstract(method: Method, goals: GoalPairs) -> bool:
    try:
        method(goals.achieved[0].copy(), goals.desired[0].copy(), {})
    except NotImplementedError:
        return True
    except (Exception, SystemExit):  # told where it is asked in earnest
        return False
    return False


def _reads_info(method: Method, goals: GoalPairs) -> bool:
    """Whether a method looks at info; one that fails has looked where it did before."""
    for achieved, desired in zip(goals.achieved, goals.desired, strict=True):
        watched = WatchedInfo({})
        try:
            method(achieved.copy(), desired.copy(), watched)
        except (Exception, SystemExit):
            return watched.read
        if watched.read:
            return True
    return False


def _played_goals(
    env: AnyEnv, methods: Mapping[str, Method]
) -> tuple[tuple[InfoKey, ...], GoalPairs]:
    """Play some steps; return what is read of their info, and goals with what is kept of it."""
    try:
        played = play(env, _PLAYED, seed=0)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{name_of(env)}: a step or reset failed: {headline(error)}") from error
    achieved, desired = (played.shown[f"{kind}_goal"] for kind in ("achieved", "desired"))
    try:
        keys = find_keys(methods, achieved, desired, played.infos)
    except ValueError as error:
        raise ValueError(f"{name_of(env)}: {error}") from error
    kept = pack_each(played.infos, keys)
    goals = GoalPairs(
        np.concatenate([achieved, achieved]),
        np.concatenate([desired, achieved[::-1]]),
        np.concatenate([kept, kept]),
    )
    return keys, goals


def _sample_goals(env: AnyEnv) -> GoalPairs:
    """Pairs of goals, reached and not reached, as they occur in the environment [B, G] each."""
    starts = []
    for seed in range(3):
        try:
            shown = env.reset(seed=seed)[0]
        except (Exception, SystemExit) as error:
            raise ValueError(f"{name_of(env)}: reset failed: {headline(error)}") from error
        starts.append({key: np.array(shown[key]) for key in ("achieved_goal", "desired_goal")})
    achieved = [start["achieved_goal"] for start in starts]
    desired = [start["desired_goal"] for start in starts]
    first = np.array([*achieved, *desired, *desired])
    second = np.array([*desired, *desired, *achieved[::-1]])
    return GoalPairs(first, second, None)
