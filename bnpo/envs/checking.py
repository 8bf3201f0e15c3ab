"""A check of any environment: what it is, what it does, and what training on it will meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.envs.goal_functions import goal_functions
from bnpo.envs.kept_info import named, pack_each
from bnpo.envs.lookup import AnyEnv, create, discard, find_spec
from bnpo.envs.making import check_spaces, describe
from bnpo.envs.rollout import step_info
from bnpo.envs.trial import Trial, play
from bnpo.envs.vector_info import collect
from bnpo.envs.workers.rehearsal import rehearse
from bnpo.errors import headline
from bnpo.types import TaskSpec

__all__ = ["Check", "Finding", "check_env"]


@dataclass(frozen=True)
class Finding:
    """One line of a check."""

    topic: str
    """What was looked at"""

    verdict: str
    """``ok``, ``note`` or ``fault``"""

    text: str
    """What was found"""


@dataclass
class Check:
    """What a check of an environment found, in the order of its table."""

    env_id: str
    """Gymnasium id"""

    findings: list[Finding] = field(default_factory=list)
    """The lines of the table"""

    @property
    def faults(self) -> list[Finding]:
        """What keeps the environment from being trained on, or makes its results wrong."""
        return [one for one in self.findings if one.verdict == "fault"]

    def add(self, topic: str, verdict: str, text: str) -> None:
        """Add a line."""
        self.findings.append(Finding(topic, verdict, text))

    def rows(self) -> list[list[str]]:
        """Return the table: topic, verdict and text of each line."""
        return [[one.topic, one.verdict, one.text] for one in self.findings]

    def __repr__(self) -> str:
        """Return the table as text."""
        wide = max((len(one.topic) for one in self.findings), default=0)
        lines = [f"{one.topic:<{wide}}  {one.verdict:<5}  {one.text}" for one in self.findings]
        return "\n".join([f"check of {self.env_id}", *lines])


def check_env(env_id: str, steps: int = 300, **settings: Any) -> Check:
    """Play some steps of an environment and tell what training on it will meet.

    Args:
        env_id: Gymnasium id, with its module where it needs one: ``module:Id-v0``
        steps: how many, with random actions
        **settings: keyword arguments of the environment

    Returns:
        A table, a line for each of: spaces, bounds, numbers and their scale, rewards against
        ``compute_reward``, ends of episodes, info, whether one seed gives the same numbers, whether
        runs can be resumed, speed, and what hindsight will ask.

    Raises:
        ValueError: there is no such environment, or it cannot be made.

    """
    check = Check(env_id)
    make = partial(create, find_spec(env_id), settings)
    env = make()
    try:
        try:
            check_spaces(env.observation_space, env.action_space, env_id=env_id)
        except ValueError as error:
            check.add("spaces", "fault", str(error))
            return check
        task = describe(env, env_id)
        _tell_spaces(check, env, task)
        try:
            played = play(env, steps, seed=0)
        except Exception as error:
            check.add("steps", "fault", f"a step or reset failed: {headline(error)}")
            return check
        _tell_numbers(check, played)
        _tell_ends(check, task, played)
        _tell_info(check, task, played)
        if task.is_goal_env:
            _tell_goals(check, env, played)
        _tell_determinism(check, make, env, played, min(steps, 100))
        fault = rehearse(make)
        found = f"runs cannot be resumed: {fault}" if fault else "runs are resumed exactly"
        check.add("state", "note" if fault else "ok", found)
        speed = len(played.reward) / played.seconds
        check.add("speed", "ok", f"{speed:,.0f} steps/s of one environment, played one by one")
        return check
    finally:
        discard(env)


def _tell_spaces(check: Check, env: AnyEnv, task: TaskSpec) -> None:
    space = env.observation_space
    kinds = {str(part.dtype) for part in getattr(space, "spaces", {"": space}).values()}
    goals = f", goals of {task.goal_dim}" if task.is_goal_env else ", no goals"
    check.add(
        "spaces", "ok", f"observation of {task.observation_dim} numbers ({', '.join(kinds)}){goals}"
    )
    low, high = np.array(task.action_low), np.array(task.action_high)
    text = f"{task.action_dim} in [{low.min():g}, {high.max():g}], {env.action_space.dtype}"
    check.add("actions", "ok", f"{text}; every action lies in the Box to the last bit")


def _tell_numbers(check: Check, played: Trial) -> None:
    """Finite, distinct in float32, and of which size."""
    for key, array in played.shown.items():
        if not array.shape[-1]:
            continue
        if not np.isfinite(array).all():
            check.add(key, "fault", "holds numbers that are not finite, which end a run")
            continue
        everything = np.concatenate([array, played.before[key]]).astype(np.float64)
        size, spread = np.abs(everything).max(0), np.ptp(everything, axis=0)
        apart = np.spacing(size.astype(np.float32)).astype(np.float64)
        lost = (spread > 1e-12 * size) & (apart * 20 > spread) & (size >= 10.0)
        still = int((spread == 0).sum())
        text = f"up to {size.max():.3g}, varies by {spread.min():.2g} to {spread.max():.2g}"
        text += f"; {still} of {len(size)} did not vary" if still else ""
        if lost.any():
            worst = int(np.argmax(lost))
            text += (
                f"; float32 would lose [{worst}] near {size[worst]:.7g}: "
                "set agent.dtype = 'float64'"
            )
        check.add(key, "fault" if lost.any() else "ok", text)
    if not np.isfinite(played.reward).all():
        check.add("reward", "fault", "is not finite, which ends a run")
    else:
        total = played.reward.sum(-1)
        check.add("reward", "ok", f"from {total.min():g} to {total.max():g}, mean {total.mean():g}")


def _tell_ends(check: Check, task: TaskSpec, played: Trial) -> None:
    limit = task.max_episode_steps
    what = "no time limit" if limit is None else f"time limit of {limit} steps"
    text = (
        f"{what}; {int(played.terminated.sum())} terminated and {int(played.truncated.sum())} "
        f"truncated of {len(played.reward)} steps, longest episode {played.longest}"
    )
    endless = limit is None and not (played.terminated | played.truncated).any()
    if endless:
        text += "; evaluation cuts episodes at eval_max_steps"
    check.add("ends", "note" if endless else "ok", text)


def _tell_info(check: Check, task: TaskSpec, played: Trial) -> None:
    keys = dict.fromkeys(key for info in played.infos for key in info)
    text = ", ".join(keys) or "nothing"
    if not task.is_goal_env and "is_success" not in keys and "success" not in keys:
        check.add("info", "ok", text)
        return
    infos = collect(len(played.infos), enumerate(played.infos))
    success = step_info(infos, "is_success", len(played.infos))
    if np.isnan(success).all():
        check.add("info", "note", f"{text}; success is not told: is_success counts where it is")
        return
    rate = float(np.nan_to_num(success).mean())
    check.add("info", "ok", f"{text}; success in {rate:.1%} of the steps")


def _tell_goals(check: Check, env: AnyEnv, played: Trial) -> None:
    """What hindsight will ask, and whether the answers are those of the steps."""
    try:
        functions = goal_functions(env)
    except ValueError as error:
        check.add("hindsight", "fault", str(error))
        return
    achieved, desired = played.shown["achieved_goal"], played.shown["desired_goal"]
    info = pack_each(played.infos, functions.keys)
    said = np.asarray(functions.reward(achieved, desired, info), np.float64)
    said = said.reshape(played.reward.shape)
    tolerance = 1e-6 * float(np.abs(played.reward).max())
    wrong = ~np.isclose(played.reward, said, rtol=1e-4, atol=tolerance).all(-1)
    if wrong.any():
        row = int(np.argmax(np.abs(played.reward - said).sum(-1)))
        keys: list[str] = []
        if functions.reward_of_step is not None:
            answer = functions.reward_of_step(achieved[row], desired[row], played.infos[row])
            keys = answer[1] if np.allclose(answer[0], played.reward[row], rtol=1e-4) else []
        text = (
            f"{int(wrong.sum())} of {len(wrong)} steps paid another reward than compute_reward "
            f"says ({played.reward[row].sum():g} where that says {said[row].sum():g})"
        )
        if keys:
            text += f": it uses {named(keys)}, which it does not read in the first steps"
        check.add("compute_reward", "fault", text)
    else:
        kept = named([key.name for key in functions.keys])
        text = f"says what all {len(wrong)} steps paid"
        check.add("compute_reward", "ok", f"{text}; hindsight keeps {kept}" if kept else text)
    if functions.tells_terminated:
        ends = np.asarray(functions.terminated(achieved, desired, info), bool)
        other = int((ends != played.terminated).sum())
        check.add(
            "compute_terminated",
            "ok" if not other else "note",
            f"says otherwise in {other} of {len(ends)} steps, whose ends stay as they were"
            if other
            else f"says how all {len(ends)} steps ended",
        )
    elif played.terminated.any():
        text = "is missing, though steps ended episodes: no relabelled goal is taken to end one"
        check.add("compute_terminated", "fault", text)
    else:
        check.add("compute_terminated", "note", "is missing: no goal is taken to end an episode")


def _tell_determinism(
    check: Check, make: Callable[[], AnyEnv], env: AnyEnv, played: Trial, steps: int
) -> None:
    other = make()
    try:
        for which, one in (("the same environment", env), ("another copy of it", other)):
            again = play(one, steps, seed=0)
            for name, first, second in _pairs(played, again, steps):
                if not np.array_equal(first, second, equal_nan=True):
                    step = int(np.argmax((first != second).reshape(len(first), -1).any(-1)))
                    text = f"one seed gives other numbers in {which}: {name} at step {step}"
                    check.add("determinism", "fault", text)
                    return
    finally:
        discard(other)
    check.add("determinism", "ok", f"one seed gives the same numbers, twice in {steps} steps")


def _pairs(
    played: Trial, again: Trial, steps: int
) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    for key in played.shown:
        yield key, played.shown[key][:steps], again.shown[key]
    yield "reward", played.reward[:steps], again.reward
