"""``bnpo/GoalReacher-v0``: Gymnasium's planar two-link arm reaches for a point in the plane."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Dict

from bnpo.envs.arguments import require_batch
from bnpo.envs.reacher.drawing import draw_planar_reacher
from bnpo.envs.reacher.goal_reacher_config import LINKS, REACH, GoalReacherConfig
from bnpo.envs.reacher.motors import Motors
from bnpo.envs.reacher.planar_arm import fingertips
from bnpo.envs.reacher.simulated_batch import SimulatedBatch, goal_space
from bnpo.envs.reacher.simulator import BatchSimulator
from bnpo.envs.reacher.single_goal_env import SingleGoalEnv
from bnpo.envs.reacher.vector_goal_env import (
    FloatArray,
    IndexArray,
    Observations,
    VectorGoalEnv,
)
from bnpo.envs.simulation import mujoco

FRAME_SKIP = 2
"""Number of physics steps of 0.01 s in one environment step, as in Reacher-v5."""

_ANGLE_NOISE = 0.1
_VELOCITY_NOISE = 0.005


class GoalReacherVectorEnv(SimulatedBatch, VectorGoalEnv):
    """A batch of goal Reachers.

    Observation (float64, as the simulator computes, so that a reward recomputed from stored goals
    is the reward that was paid): ``observation`` [N, 6] cos q, sin q, joint velocities (rad/s);
    ``achieved_goal`` [N, 2] the fingertip and ``desired_goal`` [N, 2] the target (metres, centred
    at the shoulder). Actions [N, 2] in [-1, 1] are joint torques in units of 200 N m. The arm
    starts with Reacher-v5's noise: angles within 0.1 rad, velocities within 0.005 rad/s of rest.
    ``info["is_success"]``: the fingertip is within the threshold. With a ``stall_zone`` the
    observation has a seventh number, 0 while the motors work and above it while they stall, and
    ``info["stalled"]`` says the same.
    ``reset(options={"target": (x, y)})`` fixes the target of the episode that it begins.
    """

    metadata: dict[str, Any] = {**VectorGoalEnv.metadata, "render_fps": 50}  # noqa: RUF012
    reset_options = ("target",)
    draws_per_episode = 6

    config_class = GoalReacherConfig
    config: GoalReacherConfig

    def __init__(self, **settings: Any) -> None:
        """Make the batch; see :class:`SimulatedBatch` for the arguments."""
        super().__init__(**settings)
        config = self.config
        self._target: FloatArray = np.zeros((self.num_envs, 2))
        self._center = tuple(map(float, config.target_center))
        self._motors = Motors(
            num_envs=self.num_envs,
            episode_steps=self.episode_steps,
            action_dim=2,
            noise=config.motor_noise,
            zone=config.zone,
            probability=config.stall_probability,
            stall_steps=config.stall_steps,
        )

    def _space(self) -> Dict:
        return goal_space(6 if self.config.zone is None else 7, 2)

    def _new_simulator(self, threads: int | None) -> BatchSimulator:
        return BatchSimulator(
            mujoco.MjModel.from_xml_string(planar_arm_xml()),
            num_envs=self.num_envs,
            steps=FRAME_SKIP,
            control_spec=mujoco.mjtState.mjSTATE_CTRL,
            threads=threads,
        )

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        """Return the reward of ``achieved_goal`` [..., 2] for ``desired_goal`` [..., 2] -> [...].

        Works on NumPy arrays and, where they are, on torch tensors of any device.
        """
        return self._reward(_squared_distance(achieved_goal, desired_goal))

    def _reward(self, squared: Any) -> Any:
        """Return the reward from the squared distance [...]."""
        if self.config.reward_type == "dense":
            return -(squared**0.5)
        return (squared <= self.config.distance_threshold**2) * 1.0 - 1.0

    def _begin(self, rows: IndexArray, uniforms: FloatArray) -> None:
        noise = 2.0 * uniforms[:, :4] - 1.0
        self._simulator.state[rows, 0] = 0.0
        self._simulator.qpos[rows] = _ANGLE_NOISE * noise[:, :2]
        self._simulator.qvel[rows] = _VELOCITY_NOISE * noise[:, 2:]
        radius = self.config.target_radius * np.sqrt(uniforms[:, 4])
        angle = 2.0 * math.pi * uniforms[:, 5]
        self._target[rows, 0] = radius * np.cos(angle) + self._center[0]
        self._target[rows, 1] = radius * np.sin(angle) + self._center[1]
        self._motors.begin(rows)

    def _draw_luck(self, row: int, generator: np.random.Generator) -> None:
        self._motors.draw(row, generator)

    def _parse_options(self, options: Mapping[str, Any]) -> dict[str, FloatArray]:
        if "target" not in options:
            return {}
        target = require_batch("target", options["target"], shape=(2,), num_envs=self.num_envs)
        if (np.hypot(target[:, 0], target[:, 1]) > REACH).any():
            raise ValueError(
                f"target={options['target']!r} must lie within {REACH:g} m of the shoulder, "
                "the arm's reach"
            )
        return {"target": target}

    def _apply_options(self, rows: IndexArray, options: dict[str, FloatArray]) -> None:
        self._target[rows] = options["target"][rows]

    def disturb(self, actions: FloatArray) -> FloatArray:
        """Add the motors' noise to actions [N, A]; begin stalls where motors fail."""
        if self._motors.certain:
            return actions
        return self._motors.disturb(actions, fingertips(self._simulator.qpos, LINKS), self.elapsed)

    def simulate(self, actions: FloatArray) -> None:
        """Advance every environment by one step under actions [N, A].

        Stalled arms are braked: they stand still, whatever the action.
        """
        simulator, stalled = self._simulator, self._motors.stalled
        simulator.control[:] = actions[:, None]  # the model clips to [-1, 1]
        if stalled.any():
            simulator.control[stalled] = 0.0
            simulator.qvel[stalled] = 0.0
        simulator.advance()
        self._motors.pass_step()

    def observe(self) -> Observations:
        """Return fresh arrays [N, .] for each key of the observation."""
        angles = self._simulator.qpos
        observation = np.empty((self.num_envs, 6 if self._motors.zone is None else 7))
        np.cos(angles, out=observation[:, 0:2])
        np.sin(angles, out=observation[:, 2:4])
        observation[:, 4:6] = self._simulator.qvel
        if self._motors.zone is not None:
            observation[:, 6] = self._motors.observation
        return {
            "observation": observation,
            "achieved_goal": fingertips(self._simulator.qpos, LINKS),
            "desired_goal": self._target.copy(),
        }

    def _outcome(self, observations: Observations) -> tuple[FloatArray, dict[str, Any]]:
        squared = _squared_distance(observations["achieved_goal"], self._target)
        success = squared <= self.config.distance_threshold**2
        info = {"is_success": success}
        if self._motors.zone is not None:
            info["stalled"] = self._motors.stalled
        return self._reward(squared), info

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that define the physics, by name."""
        arrays = {**super().arrays(), "target": self._target}
        return {**arrays, "stalled": self._motors.remaining} if self._motors.zone else arrays

    def drawn(self) -> dict[str, npt.NDArray[Any]]:
        """Return what chance will do to the motors in the present episodes, by name."""
        return self._motors.drawn()

    def draw(self, index: int, *, size: int = 400) -> npt.NDArray[np.uint8]:
        """Return the picture of an environment: arm, target, threshold, steps [size, size, 3]."""
        return draw_planar_reacher(
            angles=self._simulator.qpos[index],
            links=LINKS,
            target=self._target[index],
            threshold=self.config.distance_threshold,
            zone=self._motors.zone,
            stalled=bool(self._motors.stalled[index]),
            caption=f"step {self.elapsed[index]} / {self.episode_steps}",
            size=size,
        )


class GoalReacherEnv(SingleGoalEnv):
    """One goal Reacher; see :class:`GoalReacherVectorEnv` for what is observed and paid."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        """Make the environment; ``settings`` are the fields of :class:`GoalReacherConfig`."""
        super().__init__(GoalReacherVectorEnv.of_one(render_mode, settings))


@cache
def planar_arm_xml() -> str:
    """Return Gymnasium's reacher.xml without what cannot move the arm.

    The target (drawn here, not simulated), the floor, the frame and contact detection, which the
    model has switched off for every geom, are left out; the arm's motion is the same.
    """
    source = resources.files("gymnasium.envs.mujoco") / "assets" / "reacher.xml"
    root = ElementTree.fromstring(source.read_text(encoding="utf-8"))
    world = root.find("worldbody")
    option = root.find("option")
    if world is None or option is None:
        raise RuntimeError(f"{source} is not the model that was expected")
    for element in list(world):
        if element.tag == "geom" or element.get("name") == "target":
            world.remove(element)
    ElementTree.SubElement(option, "flag", contact="disable")
    return ElementTree.tostring(root, encoding="unicode")


def _squared_distance(first: Any, second: Any) -> Any:
    """Return the squared Euclidean distance over the last axis, for arrays and tensors alike."""
    return ((first - second) ** 2).sum(-1)
