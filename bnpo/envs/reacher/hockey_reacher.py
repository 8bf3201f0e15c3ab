"""``bnpo/HockeyReacher-v0``: two planar arms play a puck at each other's end of a rink.

The batch has two sides with the same spaces. ``step(actions)`` moves side 0, and the scripted
player side 1; ``step_both(own, other)`` moves both, and ``other_view()`` is what side 1 sees, so
that any other player, the policy in training for one, can take the second side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Space

from bnpo.envs.arguments import require_actions, require_batch, require_int, require_number
from bnpo.envs.reacher.batch_env import BoolArray, FloatArray, IndexArray
from bnpo.envs.reacher.hockey_opponent import scripted_action
from bnpo.envs.reacher.hockey_rink import (
    HALF_LENGTH,
    HALF_WIDTH,
    OBSERVATION_DIM,
    PUCK_RADIUS,
    HockeyRink,
    new_simulator,
)
from bnpo.envs.reacher.rink_drawing import draw_rink
from bnpo.envs.reacher.simulated_batch import SimulatedBatch, goal_space
from bnpo.envs.reacher.simulator import BatchSimulator
from bnpo.envs.reacher.single_env import SingleEnv
from bnpo.envs.reacher.single_goal_env import SingleGoalEnv
from bnpo.envs.reacher.vector_goal_env import Observations, VectorGoalEnv


@dataclass(frozen=True, kw_only=True)
class HockeyReacherConfig:
    """Settings of HockeyReacher; each is a keyword argument of the environment."""

    episode_steps: int = 200
    """Steps after which a game without a goal is truncated (environment steps of 0.02 s)."""

    mouth_width: float = 0.2
    """Width of the mouths in the middle of the ends (metres), of 0.4 m."""

    puck_speed: float = 0.5
    """Speed of the puck at the face-off: 0.5 to 1.5 times this along the rink, +- this across
    (m/s)."""

    distance_threshold: float = 0.05
    """Distance of puck and target that counts as reached, in the goal-conditioned form (metres)."""

    def __post_init__(self) -> None:
        """Check every field."""
        require_int("episode_steps", self.episode_steps, minimum=1)
        width = require_number("mouth_width", self.mouth_width, minimum=0.0, exclusive=True)
        if width > 2.0 * HALF_WIDTH:
            raise ValueError(f"mouth_width={width!r} must be at most {2.0 * HALF_WIDTH:g}")
        require_number("puck_speed", self.puck_speed, minimum=0.0)
        require_number("distance_threshold", self.distance_threshold, minimum=0.0, exclusive=True)


class HockeyBatch(SimulatedBatch):
    """What both forms share: the rink, its two sides, the face-off and the picture."""

    metadata: dict[str, Any] = {**SimulatedBatch.metadata, "render_fps": 50}  # noqa: RUF012
    reset_options = ("puck",)
    draws_per_episode = 8

    config_class = HockeyReacherConfig
    config: HockeyReacherConfig

    def __init__(self, **settings: Any) -> None:
        """Make the batch; see :class:`SimulatedBatch` for the arguments."""
        super().__init__(**settings)
        self._rink = HockeyRink(self._simulator)
        self._other: FloatArray | None = None

    def _new_simulator(self, threads: int | None) -> BatchSimulator:
        return new_simulator(num_envs=self.num_envs, threads=threads)

    def _space(self) -> Space[Any]:
        """Return the space of what one side observes."""
        return Box(-np.inf, np.inf, (OBSERVATION_DIM,), np.float64)

    def step_both(
        self, own: npt.NDArray[Any], other: npt.NDArray[Any]
    ) -> tuple[Any, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Step every rink once under actions [N, 2] of side 0 and of side 1; see :meth:`step`.

        Everything is returned as side 0 sees it. In the game the other side's reward is minus that.

        Raises:
            ValueError: actions of another shape, or not finite; nothing was simulated then.
            ResetNeeded: before the first reset, or after an episode's end without autoreset.

        """
        self._other = require_actions(other, shape=self.action_space.shape or ())
        try:
            return self.step(own)
        finally:
            self._other = None

    def other_view(self) -> FloatArray:
        """Return what side 1 sees, [N, 24], as ``observe`` shows it to side 0: from its own end."""
        return self._rink.view(1)

    def scripted_actions(self) -> FloatArray:
        """Return the actions [N, 2] of the scripted player on side 1."""
        return scripted_action(self._rink.view(1))

    def simulate(self, actions: FloatArray) -> None:
        """Advance every environment by one step under actions [N, 2] of side 0."""
        other = self.scripted_actions() if self._other is None else self._other
        self._rink.advance(actions, other)

    def _begin(self, rows: IndexArray, uniforms: FloatArray) -> None:
        self._rink.face_off(rows, uniforms, self.config.puck_speed)

    def _parse_options(self, options: Mapping[str, Any]) -> dict[str, FloatArray]:
        if "puck" not in options:
            return {}
        puck = require_batch("puck", options["puck"], shape=(4,), num_envs=self.num_envs)
        room = np.array([HALF_LENGTH, HALF_WIDTH]) - PUCK_RADIUS
        if (np.abs(puck[:, :2]) > room).any():
            raise ValueError(
                f"puck={options['puck']!r} must be x, y, and velocity, within +-{room[0]:g} and "
                f"+-{room[1]:g} m"
            )
        return {"puck": puck}

    def _apply_options(self, rows: IndexArray, options: dict[str, FloatArray]) -> None:
        self._rink.place_puck(rows, options["puck"][rows])

    def draw(self, index: int, *, size: int = 400) -> npt.NDArray[np.uint8]:
        """Return the picture of rink ``index`` [size, size, 3]: both arms, the puck, the mouths."""
        return draw_rink(
            qpos=self._simulator.qpos[index],
            mouth_width=self.config.mouth_width,
            caption=f"step {self.elapsed[index]} / {self.episode_steps}",
            size=size,
        )


class HockeyReacherVectorEnv(HockeyBatch):
    """A batch of games.

    Observation (float64) [N, 24]: puck (2), its velocity (2); own mallet (2), its velocity (2),
    cos q (2), sin q (2), joint speeds (2); the same ten of the other side. Places are in the frame
    of the side that sees them: metres from the middle of the rink, its own end at x = -0.4.
    Actions [N, 2] in [-1, 1]: torques of shoulder and elbow in units of 1.6 N m. Reward: +1 for a
    puck that touches the other end inside its mouth, -1 for one's own; the game ends with it.
    ``info["goal"]`` says the same. ``reset(options={"puck": (x, y, vx, vy)})`` fixes the face-off.
    """

    def observe(self) -> FloatArray:
        """Return what side 0 sees, [N, 24]."""
        return self._rink.view(0)

    def _outcome(self, observations: Any) -> tuple[FloatArray, dict[str, Any]]:
        goal = self._rink.scored(0.5 * self.config.mouth_width)
        return goal, {"goal": goal.copy()}

    def _terminated(self, observations: Any) -> BoolArray:
        scored: BoolArray = self._rink.scored(0.5 * self.config.mouth_width) != 0.0
        return scored


class HockeyGoalReacherVectorEnv(HockeyBatch, VectorGoalEnv):
    """The game as a goal environment: bring the puck to a place in the other side's mouth.

    ``observation`` [N, 24] as in the game; ``achieved_goal`` [N, 2] the puck, ``desired_goal``
    [N, 2] a point on the other end, uniform over its mouth. The mouths are closed: the puck bounces
    off. Sparse reward -1 a step; the episode ends with a 0 when the puck is within the threshold.
    """

    draws_per_episode = 9

    def __init__(self, **settings: Any) -> None:
        """Make the batch; see :class:`SimulatedBatch` for the arguments."""
        super().__init__(**settings)
        self._target: FloatArray = np.zeros((self.num_envs, 2))

    def _space(self) -> Space[Any]:
        return goal_space(OBSERVATION_DIM, 2)

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        """Return the reward of pucks [..., 2] for targets [..., 2] -> [...], arrays or tensors."""
        return self.compute_terminated(achieved_goal, desired_goal) * 1.0 - 1.0

    def compute_terminated(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        """Return whether pucks [..., 2] at targets [..., 2] end the episode -> [...]."""
        squared = ((achieved_goal - desired_goal) ** 2).sum(-1)
        return squared <= self.config.distance_threshold**2

    def _begin(self, rows: IndexArray, uniforms: FloatArray) -> None:
        super()._begin(rows, uniforms[:, :8])
        self._target[rows, 0] = HALF_LENGTH - PUCK_RADIUS
        self._target[rows, 1] = self.config.mouth_width * (uniforms[:, 8] - 0.5)

    def observe(self) -> Observations:
        """Return fresh arrays [N, .] for each key of the observation."""
        return {
            "observation": self._rink.view(0),
            "achieved_goal": self._rink.puck(),
            "desired_goal": self._target.copy(),
        }

    def _outcome(self, observations: Any) -> tuple[FloatArray, dict[str, Any]]:
        goals = observations["achieved_goal"], observations["desired_goal"]
        return self.compute_reward(*goals), {"is_success": self.compute_terminated(*goals)}

    def _terminated(self, observations: Any) -> BoolArray:
        goals = observations["achieved_goal"], observations["desired_goal"]
        return np.asarray(self.compute_terminated(*goals))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that define the physics, by name."""
        return {**super().arrays(), "target": self._target}


class HockeyReacherEnv(SingleEnv):
    """One game against the scripted player; see :class:`HockeyReacherVectorEnv`."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        """Make the environment; ``settings`` are the fields of :class:`HockeyReacherConfig`."""
        super().__init__(HockeyReacherVectorEnv.of_one(render_mode, settings))


class HockeyGoalReacherEnv(SingleGoalEnv):
    """One rink with a goal to reach; see :class:`HockeyGoalReacherVectorEnv`."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        """Make the environment; ``settings`` are the fields of :class:`HockeyReacherConfig`."""
        super().__init__(HockeyGoalReacherVectorEnv.of_one(render_mode, settings))

    def compute_terminated(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        """Return whether pucks [..., 2] at targets [..., 2] end the episode -> [...]."""
        assert isinstance(self.batch, HockeyGoalReacherVectorEnv)
        return self.batch.compute_terminated(achieved_goal, desired_goal, info)
