"""A first look at environments: what they do in a run's first steps against what they say.

Nothing is played for it. What would make a run's curve wrong is refused, or told with figures.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.agent import Agent
from bnpo.envs.kept_info import named
from bnpo.envs.rollout import Rollout
from bnpo.envs.vector_info import info_of
from bnpo.errors import ConfigError
from bnpo.types.step import Step

__all__ = ["FirstLook", "tell_cut_episodes"]

STEPS = 20
"""Vector steps that are looked at."""

_KINDS = ("achieved", "desired")

_FAR = 10.0
"""Numbers below are not held against their rounding one by one: they may be noise around zero."""

_DISTINCT = 20
"""Fewest different numbers of the agent's type within which a coordinate may move."""

_FLIPPED = 0.05
"""Largest share of rewards of neighbouring goals that rounding may change."""


class FirstLook:
    """Compares rewards with ``compute_reward``, and numbers with the type that holds them."""

    def __init__(self, agent: Agent) -> None:
        """Look at the environments of an agent."""
        self.agent = agent
        self.env_id = agent.spec.env_id
        asks = any(brain.credit.scheme.needs_goals for brain in agent.brains)
        functions = agent.goal_functions if asks else None
        self._functions = functions if functions and functions.reward_of_step else None
        self._steps = 0
        self._compared = self._different = 0
        self._worst: tuple[float, float, float] = (0.0, 0.0, 0.0)  # difference, paid, said
        self._low: dict[str, NDArray[Any]] = {}
        self._high: dict[str, NDArray[Any]] = {}
        self._before: NDArray[Any] | None = None  # achieved goals of the step before
        self._neighbours = self._flipped = 0
        self._unexplained = bool(self._functions and not self._functions.tells_terminated)

    def look(self, rollout: Rollout, step: Step) -> bool:
        """Take one step into account; return whether everything has been seen.

        Raises:
            ConfigError: rewards depend on what hindsight does not keep, or the agent's floating
                point type cannot hold what the environments show.

        """
        if self._unexplained and bool(step.terminated.any()):
            self._unexplained = False
            _warn(
                "%s ends episodes and has no compute_terminated(achieved_goal, desired_goal, "
                "info): hindsight takes none of its goals to end one; define it where reaching a "
                "goal does",
                self.env_id,
            )
        if self._steps >= STEPS or self.env_id.startswith("bnpo/"):
            return not self._unexplained
        self._steps += 1
        whole = np.ones(rollout.num_envs, bool)
        if step.lost is not None:
            whole = ~step.lost.cpu().numpy()
        if self._functions is not None:
            self._compare_rewards(rollout, step, whole)
        self._measure(rollout, step, whole)
        if self._steps == STEPS:
            self._judge()
        return False

    def _compare_rewards(self, rollout: Rollout, step: Step, whole: NDArray[np.bool_]) -> None:
        """Hold what was paid against what compute_reward says."""
        functions = self._functions
        assert functions is not None
        rows = np.flatnonzero(whole)
        if not len(rows):
            return
        achieved, desired = (rollout.led_to[f"{kind}_goal"][rows] for kind in _KINDS)
        paid = rollout.reward[rows].reshape(len(rows), -1).astype(np.float64)
        said = np.asarray(functions.reward(achieved, desired, _info(step, rows)), np.float64)
        said = said.reshape(paid.shape)
        differs = ~np.isclose(paid, said, rtol=1e-4, atol=1e-6 * np.abs(paid).max()).all(-1)
        self._compared += len(rows)
        self._different += int(differs.sum())
        for row in np.flatnonzero(differs):
            self._explain_by_info(rollout, int(rows[row]), paid[row], float(said[row].sum()))
            difference = float(np.abs(paid[row] - said[row]).sum())
            worst = difference, float(paid[row].sum()), float(said[row].sum())
            self._worst = max(self._worst, worst)

    def _explain_by_info(
        self, rollout: Rollout, row: int, paid: NDArray[np.float64], said: float
    ) -> None:
        """Refuse a reward that would be the right one if hindsight kept info."""
        assert self._functions is not None
        assert self._functions.reward_of_step is not None
        achieved, desired = (rollout.led_to[f"{kind}_goal"][row] for kind in _KINDS)
        ask = self._functions.reward_of_step
        try:
            value, keys = ask(achieved, desired, info_of(rollout.infos, row, rollout.num_envs))
        except (Exception, SystemExit):
            return
        if keys and np.allclose(value, paid, rtol=1e-4):
            raise ConfigError(
                f"{self.env_id}: compute_reward uses {named(keys)}, which hindsight does not keep: "
                f"a step that paid {paid.sum():g} would be relabelled as {said:g}; let it read "
                "numbers, and in every step, or take a credit scheme without hindsight"
            )

    def _measure(self, rollout: Rollout, step: Step, whole: NDArray[np.bool_]) -> None:
        """Widen the ranges of what is shown, and see what rounding does to rewards."""
        for key, array in rollout.led_to.items():
            if array.dtype != np.float64 or not array.shape[-1] or self.agent.dtype.itemsize > 4:
                continue
            name = "goal" if key.endswith("goal") else key
            low, high = array[whole].min(0, initial=np.inf), array[whole].max(0, initial=-np.inf)
            self._low[name] = np.minimum(self._low.get(name, low), low)
            self._high[name] = np.maximum(self._high.get(name, high), high)
        if "goal" in self._low and self._functions is not None:
            self._compare_neighbours(rollout.led_to["achieved_goal"], step, whole)

    def _compare_neighbours(
        self, achieved: NDArray[Any], step: Step, whole: NDArray[np.bool_]
    ) -> None:
        """Count rewards of goals one step apart that rounding to float32 changes."""
        assert self._functions is not None
        before, self._before = self._before, achieved
        if before is None:
            return
        rows = np.flatnonzero(whole)
        goals, info = (achieved[rows], before[rows]), _info(step, rows)
        exact = np.asarray(self._functions.reward(*goals, info), np.float64)
        there, here = (goal.astype(np.float32).astype(np.float64) for goal in goals)
        rounded = np.asarray(self._functions.reward(there, here, info), np.float64)
        size = float(np.abs(exact).max(initial=0.0))
        self._neighbours += exact.size
        self._flipped += int((~np.isclose(exact, rounded, rtol=0.01, atol=1e-3 * size)).sum())

    def _judge(self) -> None:
        """Refuse what the agent's type cannot hold; tell rewards that are others than said."""
        for name, low in self._low.items():
            self._judge_range(name, low, self._high[name])
        if self._flipped > _FLIPPED * max(self._neighbours, 1):
            raise ConfigError(
                f"{self.env_id}: goals lie near {np.abs(self._high['goal']).max():.3g}, where "
                f"rounding them from float64 to float32 changes {self._flipped} of "
                f"{self._neighbours} rewards of goals one step apart: set agent.dtype = 'float64'"
            )
        if self._different:
            _, paid, said = self._worst
            _warn(
                "%s: %d of the first %d steps paid another reward than its compute_reward says "
                "(%g where that says %g): hindsight learns from compute_reward, other steps from "
                "what was paid",
                *(self.env_id, self._different, self._compared, paid, said),
            )

    def _judge_range(self, name: str, low: NDArray[Any], high: NDArray[Any]) -> None:
        size = np.maximum(np.abs(low), np.abs(high))
        spread, apart = high - low, np.spacing(size.astype(np.float32)).astype(np.float64)
        moves = spread > 1e-12 * size
        lost = moves & (apart * _DISTINCT > spread)
        if size.max() >= _FAR:
            lost &= size >= _FAR
        elif name != "goal" or apart.max() * _DISTINCT < spread.max():
            return
        if lost.any():
            index = int(np.argmax(lost))
            raise ConfigError(
                f"{self.env_id}: {name}[{index}] lies near {size[index]:.7g} and moved within "
                f"{spread[index]:.2g} in {self._steps} steps; float32 holds numbers "
                f"{apart[index]:.2g} apart there, so its float64 would be lost: set agent.dtype = "
                "'float64'"
            )


def tell_cut_episodes(agent: Agent, episode_steps: int | None) -> None:
    """Tell of credit that means whole episodes where segments are shorter.

    Args:
        agent: whose credit
        episode_steps: longest training episode (environment steps); None: there is no limit

    """
    longest = agent.config.max_steps
    if episode_steps is not None and episode_steps <= longest:
        return
    length = "no time limit" if episode_steps is None else f"episodes of {episode_steps} steps"
    for brain in agent.brains:
        if brain.credit.scheme.wants_whole_episodes:
            _warn(
                "brain %r: goals of %r come from segments of at most agent.max_steps = %d steps, "
                "not from whole episodes, since %s has %s: raise agent.max_steps, or shorten "
                "training episodes by train_episode_steps",
                *(brain.name, brain.credit.scheme, longest, agent.spec.env_id, length),
            )


def _info(step: Step, rows: NDArray[np.intp]) -> NDArray[Any] | None:
    return None if step.info is None else step.info.cpu().numpy()[rows]


def _warn(message: str, *values: Any) -> None:
    logging.getLogger("bnpo.envs").warning(message, *values)
