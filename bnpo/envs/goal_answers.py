"""Answers of a goal environment's methods for whole batches of goals.

Not each of them answers for a batch: the Maze family answers once for all rows, and the Hand tasks
that ignore one axis of rotation mix the rows up. So each is tried on real goals first, and called
row by row where its answer for a batch is not the answers for its rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from bnpo.envs.kept_info import Method, named, unpack, unpacked
from bnpo.envs.lookup import AnyEnv, in_this_folder
from bnpo.errors import ConfigError, headline
from bnpo.types import InfoKey

__all__ = ["GoalFunction", "GoalPairs", "batched", "name_of"]


class GoalFunction(Protocol):
    """A function of goals: NumPy arrays or torch tensors, in and out."""

    def __call__(self, achieved: Any, desired: Any, info: Any = None, /) -> Any:
        """Return an answer [B] or [B, R] for goals [B, G] and what is kept of info, [B, I]."""


class GoalPairs(NamedTuple):
    """Pairs of goals as they occur in the environment."""

    achieved: npt.NDArray[Any]
    """[B, G]"""

    desired: npt.NDArray[Any]
    """[B, G]"""

    info: npt.NDArray[Any] | None
    """[B, I], what is kept of info; None: nothing"""


def batched(
    env: AnyEnv, method: Method, name: str, goals: GoalPairs, keys: tuple[InfoKey, ...]
) -> GoalFunction:
    """Return a method for batches, called once if that is the same as row by row.

    Args:
        env: the environment
        method: ``compute_reward`` or its like
        name: of the method
        goals: on which both ways are tried
        keys: what it is given of info

    Raises:
        ValueError: it fails; one line that says how.

    """
    kinds = _goal_types(env)

    def by_row(achieved: Any, desired: Any, info: Any = None) -> npt.NDArray[Any]:
        infos = unpacked(info, keys) if keys else ({} for _ in achieved)
        rows = zip(achieved, desired, infos, strict=True)
        return np.array([method(one, other, told) for one, other, told in rows])

    def at_once(achieved: Any, desired: Any, info: Any = None) -> npt.NDArray[Any]:
        return np.asarray(method(achieved, desired, unpack(info, keys) if keys else {}))

    together = _agree(env, at_once, by_row, name, goals)

    def answer(achieved: Any, desired: Any, info: Any = None) -> Any:
        if isinstance(achieved, np.ndarray):
            if not len(achieved):
                return np.zeros(0)
            if keys and info is None:
                read = named([key.name for key in keys])
                raise ConfigError(
                    f"{name_of(env)}: {name} needs {read}: the credit scheme must hand "
                    "over *trajectories.info_at(segment, time)"
                )
            chosen = at_once if together and not (keys and np.isnan(info).any()) else by_row
            try:
                with in_this_folder():  # copies: a method may write to its arguments
                    values = chosen(achieved.astype(kinds[0]), desired.astype(kinds[1]), info)
                finite = np.isfinite(values)
            except (Exception, SystemExit) as error:
                raise ConfigError(_complaint(env, name, error, keys)) from error
            if not finite.all():
                row = int(np.argwhere(~finite)[0, 0])
                raise ConfigError(
                    f"{name_of(env)}: {name} says {values[row]} where {achieved[row].tolist()} is "
                    f"achieved and {desired[row].tolist()} desired: allowed are finite numbers"
                )
            return values
        arrays = (
            None if part is None else part.detach().cpu().numpy()
            for part in (achieved, desired, info)
        )
        return achieved.new_tensor(answer(*arrays))

    return answer


def _agree(
    env: AnyEnv, first: GoalFunction, second: GoalFunction, name: str, goals: GoalPairs
) -> bool:
    """Whether two functions give the same answers; the first, which fails, does not.

    Raises:
        ValueError: the second fails, which is asked about one pair of goals at a time.

    """
    achieved, desired, info = goals
    try:
        expected = second(achieved.copy(), desired.copy(), info)
    except (Exception, SystemExit) as error:
        raise ValueError(_complaint(env, name, error, ())) from error
    if info is not None and np.isnan(info).any():
        told = ~np.isnan(info).any(1)
        achieved, desired, info, expected = (
            part[told] for part in (achieved, desired, info, expected)
        )
    try:
        given = first(achieved.copy(), desired.copy(), info)
    except (Exception, SystemExit):
        return False
    if given.shape != expected.shape:
        return False
    size = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
    return bool(np.allclose(given, expected, rtol=1e-5, atol=1e-6 * size, equal_nan=True))


def _complaint(env: AnyEnv, name: str, error: BaseException, keys: tuple[InfoKey, ...]) -> str:
    """Say in one line that a method cannot be asked about goals."""
    line = f"{name_of(env)}: {name}(achieved_goal, desired_goal, info) fails ({headline(error)})"
    if not isinstance(error, KeyError):
        return line
    read = named([key.name for key in keys]) or "nothing"
    return f"{line}; hindsight keeps what the first steps show that it reads of info: {read}"


def name_of(env: AnyEnv) -> str:
    """Return the id of an environment; that of its class where it has none."""
    return type(env.unwrapped).__name__ if env.spec is None else env.spec.id


def _goal_types(env: AnyEnv) -> tuple[Any, Any]:
    """Return the dtypes of achieved and desired goals."""
    spaces = getattr(env.observation_space, "spaces", {})
    return tuple(  # type: ignore[return-value]
        spaces[key].dtype if key in spaces else np.float64
        for key in ("achieved_goal", "desired_goal")
    )
