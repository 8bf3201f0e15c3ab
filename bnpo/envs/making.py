"""One way to make a vector environment, and to describe its task, for any Gymnasium id."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Dict, Space
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from bnpo.envs.arguments import require_int
from bnpo.envs.cores import available_cores
from bnpo.envs.lookup import AnyEnv, create, discard, find_spec, is_of_gymnasium, load_code
from bnpo.envs.own_vector import own_vector_env
from bnpo.envs.workers.care import WorkerCare
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from bnpo.errors import ConfigError
from bnpo.types import TaskSpec

AnyVectorEnv: TypeAlias = VectorEnv[Any, Any, Any]
Observations = dict[str, npt.NDArray[Any]]

TAKEN = ("env_id", "num_envs", "threads", "workers", "care", "in_caller", "render_mode")
"""Arguments that are given otherwise than as the environment's own."""

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")


def make_vector_env(
    env_id: str,
    num_envs: int,
    *,
    threads: int | None = None,
    workers: int | None = None,
    care: WorkerCare | None = None,
    in_caller: bool = True,
    **settings: Any,
) -> AnyVectorEnv:
    """Make ``num_envs`` copies of an environment that reset in the step that ends an episode.

    An environment with a vector form of its own is stepped by it; any other one in a pool of
    worker processes, which is this process alone where others would not help.

    Args:
        env_id: Gymnasium id.
        num_envs: Environments in the batch.
        threads: Simulator threads of the Reachers of this package; None takes as many as pay.
        workers: Processes for environments that live in Python, this one included; None takes one
            per core, 0 steps one environment after the other in this process.
        care: What to do about workers that die, hang or raise.
        in_caller: Let this process step some of the environments that live in Python itself, where
            they are Gymnasium's own: any other may take down, or hang, the process that steps it.
        **settings: Keyword arguments of the environment.

    Raises:
        ValueError: an unknown id or keyword, a count out of range, or spaces that cannot be
            trained on: discrete actions, unbounded actions, observations that are not flat.

    """
    require_int("num_envs", num_envs, minimum=1)
    for name, value in (("threads", threads), ("workers", workers)):
        if value is not None:
            require_int(name, value, minimum=0)
    spec = find_spec(env_id)
    if spec.namespace == "bnpo":
        load_code(spec)
        return gym.make_vec(
            spec,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            threads=threads,
            **settings,
        )
    if spec.vector_entry_point is not None and not is_of_gymnasium(spec):
        own = own_vector_env(spec, num_envs, settings, (care or WorkerCare()).timeout)
        if own is not None:
            check_spaces(own.single_observation_space, own.single_action_space, env_id=spec.id)
            return own
    return _from_single_envs(spec, num_envs, workers, care, in_caller, settings)


def make_env(env_id: str, **settings: Any) -> AnyEnv:
    """Make a single environment, with the same errors as :func:`make_vector_env`."""
    env = create(find_spec(env_id), settings)
    try:
        check_spaces(env.observation_space, env.action_space, env_id=env_id)
    except ValueError:
        discard(env)
        raise
    return env


def refuse_taken(settings: Mapping[str, Any]) -> None:
    """Raise a ValueError where arguments of an environment are called as those of its makers."""
    for name in TAKEN:
        if name in settings:
            raise ValueError(
                f"env_kwargs.{name} = {settings[name]!r}: allowed are arguments of the environment "
                f"that are not called {', '.join(TAKEN)}"
            )


def describe(env: AnyEnv | AnyVectorEnv, env_id: str | None = None) -> TaskSpec:
    """Dimensions, bounds and horizon of the task of an environment, single or vector.

    Args:
        env: the environment
        env_id: by which it is found, with its module; None: the id that it was registered with

    """
    if isinstance(env, VectorEnv):
        observation, action = env.single_observation_space, env.single_action_space
    else:
        observation, action = env.observation_space, env.action_space
    base = env.unwrapped
    if env_id is None:
        env_id = env.spec.id if env.spec is not None else type(base).__name__
    check_spaces(observation, action, env_id=env_id)
    assert isinstance(action, Box)
    parts = observation.spaces if isinstance(observation, Dict) else {"observation": observation}
    reward_space = getattr(base, "reward_space", None)
    return TaskSpec(
        env_id=env_id,
        observation_dim=_size(parts["observation"]),
        goal_dim=_size(parts["desired_goal"]) if "desired_goal" in parts else 0,
        action_low=tuple(map(float, action.low)),
        action_high=tuple(map(float, action.high)),
        reward_dim=1 if reward_space is None else _size(reward_space),
        max_episode_steps=_horizon(env),
        goals_move=bool(getattr(base, "goals_move", False)),
    )


def check_spaces(observation: Space[Any], action: Space[Any], *, env_id: str) -> None:
    """Raise a ValueError unless the spaces are ones that can be trained on."""
    if not isinstance(action, Box):
        raise ValueError(
            f"{env_id} has the action space {action}; allowed is a Box, actions are continuous"
        )
    if len(action.shape) != 1 or not np.issubdtype(action.dtype, np.floating):
        raise ValueError(f"{env_id} has the action space {action}; allowed is a flat Box of floats")
    if not (np.isfinite(action.low).all() and np.isfinite(action.high).all()):
        raise ValueError(f"{env_id} has unbounded actions {action}; allowed are finite bounds")
    locked = np.flatnonzero(action.low >= action.high)
    if len(locked):
        index = int(locked[0])
        raise ValueError(
            f"{env_id} has an action whose bounds leave no choice: action[{index}] is in "
            f"[{action.low[index]:g}, {action.high[index]:g}]; allowed is low below high, leave a "
            "locked dimension out of the action space"
        )
    parts = [observation]
    if isinstance(observation, Dict):
        if set(observation.spaces) != set(GOAL_KEYS):
            raise ValueError(
                f"{env_id} observes a Dict of {', '.join(observation.spaces)}; allowed is a flat "
                f"Box or the Dict of a goal environment: {', '.join(GOAL_KEYS)}"
            )
        parts = list(observation.spaces.values())
    for part in parts:
        if not isinstance(part, Box) or len(part.shape) != 1:
            raise ValueError(f"{env_id} observes {part}; allowed are flat Boxes (one dimension)")
    if isinstance(observation, Dict):
        sizes = [_size(observation[key]) for key in GOAL_KEYS[1:]]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"{env_id} has an achieved_goal of {sizes[0]} numbers and a desired_goal of "
                f"{sizes[1]}: allowed are goals of one size"
            )


def _from_single_envs(
    spec: EnvSpec,
    num_envs: int,
    workers: int | None,
    care: WorkerCare | None,
    in_caller: bool,
    settings: dict[str, Any],
) -> AnyVectorEnv:
    """Vector environment over copies of a single one, in a pool or in this process."""
    single = create(spec, settings)  # what is wrong with it is better found here
    discard(single)
    check_spaces(single.observation_space, single.action_space, env_id=spec.id)
    make: Callable[[], AnyEnv] = partial(create, spec, settings)
    count = min(available_cores() if workers is None else workers, num_envs)
    env: AnyVectorEnv
    if count > 0:
        try:
            env = WorkerVectorEnv(
                make,
                num_envs=num_envs,
                workers=count,
                care=care,
                in_caller=in_caller and is_of_gymnasium(spec),
            )
        except ValueError as error:  # though it could be made here
            raise ConfigError(" ".join(str(error).split())) from error
    else:
        env = _InThisProcess([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)
    env.spec = spec
    return env


class _InThisProcess(SyncVectorEnv):
    """Environments stepped one after the other, by actions of their own type as in workers."""

    def step(self, actions: Any) -> Any:
        """Step every environment."""
        return super().step(np.asarray(actions, self.action_space.dtype))


def _size(space: Space[Any]) -> int:
    """Numbers in an element of a space."""
    return math.prod(space.shape or ())


def _horizon(env: AnyEnv | AnyVectorEnv) -> int | None:
    """Steps after which an episode is truncated, None where there is no limit."""
    own = getattr(env.unwrapped, "episode_steps", None)
    if own is not None:
        return int(own)
    return env.spec.max_episode_steps if env.spec is not None else None
