"""``bnpo/SlideReacher-v0``: a planar arm hits a puck that slides to a target out of its reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Dict

from bnpo.envs.arguments import require_batch
from bnpo.envs.reacher.drawing import draw_slide_reacher
from bnpo.envs.reacher.planar_arm import fingertips, reaching_angles
from bnpo.envs.reacher.simulated_batch import SimulatedBatch, goal_space
from bnpo.envs.reacher.simulator import BatchSimulator
from bnpo.envs.reacher.single_goal_env import SingleGoalEnv
from bnpo.envs.reacher.slide_reacher_config import (
    LINKS,
    PUCK_RADIUS,
    TIP_RADIUS,
    SlideReacherConfig,
)
from bnpo.envs.reacher.vector_goal_env import FloatArray, IndexArray, Observations, VectorGoalEnv
from bnpo.envs.simulation import mujoco

TIMESTEP = 0.005
PHYSICS_STEPS = 4
"""Number of physics steps of one environment step of 0.02 s."""

TORQUE = 1.0
"""Torque of an action of 1 (N m)."""

PUCK_MASS = 0.05
GRAVITY = 9.81

START_TIP = (0.085, 0.0)
START_PUCK = (0.14, 0.0)
"""Places of fingertip and puck where an episode begins, up to noise (metres)."""

_ANGLE_NOISE = 0.05
_PUCK_NOISE = (0.01, 0.02)

SLIDE_XML = f"""
<mujoco model="slide_reacher">
  <compiler angle="radian" inertiafromgeom="auto"/>
  <option timestep="{TIMESTEP}" gravity="0 0 0" integrator="implicitfast"/>
  <default>
    <joint type="hinge" axis="0 0 1" armature="0.01" damping="0.08"/>
    <geom contype="0" conaffinity="0" density="300"/>
  </default>
  <worldbody>
    <body>
      <joint name="shoulder"/>
      <geom type="capsule" fromto="0 0 0 {LINKS[0]} 0 0" size="0.01"/>
      <body pos="{LINKS[0]} 0 0">
        <joint name="elbow" limited="true" range="-2.8 2.8"/>
        <geom type="capsule" fromto="0 0 0 {LINKS[1]} 0 0" size="0.008"/>
        <geom name="tip" type="sphere" pos="{LINKS[1]} 0 0" size="{TIP_RADIUS}"/>
      </body>
    </body>
    <body>
      <inertial pos="0 0 0" mass="{PUCK_MASS}" diaginertia="1e-5 1e-5 1e-5"/>
      <joint name="puck_x" type="slide" axis="1 0 0" armature="0" damping="0"/>
      <joint name="puck_y" type="slide" axis="0 1 0" armature="0" damping="0"/>
      <geom name="puck" type="sphere" size="{PUCK_RADIUS}"/>
    </body>
  </worldbody>
  <contact><pair geom1="tip" geom2="puck" condim="1" solref="0.01 1"/></contact>
  <actuator>
    <motor joint="shoulder" gear="{TORQUE}" ctrllimited="true" ctrlrange="-1 1"/>
    <motor joint="elbow" gear="{TORQUE}" ctrllimited="true" ctrlrange="-1 1"/>
    <motor joint="puck_x"/>
    <motor joint="puck_y"/>
  </actuator>
</mujoco>
"""
"""MJCF of arm and puck in the plane. The last two motors are the table's friction on the puck."""


class SlideReacherVectorEnv(SimulatedBatch, VectorGoalEnv):
    """A batch of arms, each with a puck on a table.

    Observation (float64): ``observation`` [N, 12] cos q, sin q, joint speeds (rad/s), fingertip,
    puck (metres, from the shoulder), the puck's velocity (m/s); ``achieved_goal`` [N, 2] the puck
    and ``desired_goal`` [N, 2] the target. Actions [N, 2] in [-1, 1] are joint torques in units of
    1 N m. The table slows the puck down by 9.81 times ``friction`` until it stands; friction is
    that of the speed at which an environment step begins, so that it stops exactly. Only the
    fingertip touches the puck. ``info["is_success"]``: the puck is within the threshold.
    ``reset(options={"target": (x, y)})`` fixes the target of the episode that it begins.
    """

    metadata: dict[str, Any] = {**VectorGoalEnv.metadata, "render_fps": 50}  # noqa: RUF012
    reset_options = ("target",)
    draws_per_episode = 6

    config_class = SlideReacherConfig
    config: SlideReacherConfig

    def __init__(self, **settings: Any) -> None:
        """Make the batch; see :class:`SimulatedBatch` for the arguments."""
        super().__init__(**settings)
        self._target: FloatArray = np.zeros((self.num_envs, 2))
        self._rest = reaching_angles(np.array([START_TIP]), LINKS)[0]

    def _space(self) -> Dict:
        return goal_space(12, 2)

    def _new_simulator(self, threads: int | None) -> BatchSimulator:
        return BatchSimulator(
            mujoco.MjModel.from_xml_string(SLIDE_XML),
            num_envs=self.num_envs,
            steps=PHYSICS_STEPS,
            control_spec=mujoco.mjtState.mjSTATE_CTRL,
            threads=threads,
        )

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        """Return the reward of pucks [..., 2] for targets [..., 2] -> [...].

        Works on NumPy arrays and, where they are, on torch tensors of any device.
        """
        squared = ((achieved_goal - desired_goal) ** 2).sum(-1)
        if self.config.reward_type == "dense":
            return -(squared**0.5)
        return (squared <= self.config.distance_threshold**2) * 1.0 - 1.0

    def _begin(self, rows: IndexArray, uniforms: FloatArray) -> None:
        noise = 2.0 * uniforms[:, :4] - 1.0
        simulator = self._simulator
        simulator.state[rows] = 0.0
        simulator.qpos[rows, :2] = self._rest + _ANGLE_NOISE * noise[:, :2]
        simulator.qpos[rows, 2:] = np.array(START_PUCK) + noise[:, 2:] * _PUCK_NOISE
        near, far = self.config.distances
        distance = np.sqrt(near**2 + (far**2 - near**2) * uniforms[:, 4])
        angle = np.deg2rad(self.config.target_angle) * (2.0 * uniforms[:, 5] - 1.0)
        self._target[rows, 0] = distance * np.cos(angle)
        self._target[rows, 1] = distance * np.sin(angle)

    def _parse_options(self, options: Mapping[str, Any]) -> dict[str, FloatArray]:
        if "target" not in options:
            return {}
        target = require_batch("target", options["target"], shape=(2,), num_envs=self.num_envs)
        return {"target": target}

    def _apply_options(self, rows: IndexArray, options: dict[str, FloatArray]) -> None:
        self._target[rows] = options["target"][rows]

    def simulate(self, actions: FloatArray) -> None:
        """Advance every environment by one step under actions [N, A]."""
        control = self._simulator.control
        control[:, :, :2] = actions[:, None]  # the model clips to [-1, 1]
        control[:, :, 2:] = self._friction()[:, None]
        self._simulator.advance()

    def _friction(self) -> FloatArray:
        """Return the table's force on each puck [N, 2] (N): what stops it, or the most friction.

        MuJoCo's own friction of a joint acts along x and y apart, which is no friction of a plane.
        """
        velocity = self._simulator.qvel[:, 2:]
        speed = np.sqrt(np.square(velocity).sum(-1, keepdims=True))
        stopping = speed / (PHYSICS_STEPS * TIMESTEP)
        share = np.minimum(self.config.friction * GRAVITY / np.maximum(stopping, 1e-12), 1.0)
        return np.asarray(-PUCK_MASS * share * velocity / (PHYSICS_STEPS * TIMESTEP))

    def observe(self) -> Observations:
        """Return fresh arrays [N, .] for each key of the observation."""
        angles, puck = self._simulator.qpos[:, :2], self._simulator.qpos[:, 2:]
        observation = np.empty((self.num_envs, 12))
        np.cos(angles, out=observation[:, 0:2])
        np.sin(angles, out=observation[:, 2:4])
        observation[:, 4:6] = self._simulator.qvel[:, :2]
        observation[:, 6:8] = fingertips(angles, LINKS)
        observation[:, 8:10] = puck
        observation[:, 10:12] = self._simulator.qvel[:, 2:]
        return {
            "observation": observation,
            "achieved_goal": puck.copy(),
            "desired_goal": self._target.copy(),
        }

    def _outcome(self, observations: Observations) -> tuple[FloatArray, dict[str, Any]]:
        puck, target = observations["achieved_goal"], observations["desired_goal"]
        success = np.square(puck - target).sum(-1) <= self.config.distance_threshold**2
        return self.compute_reward(puck, target), {"is_success": success}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that define the physics, by name."""
        return {**super().arrays(), "target": self._target}

    def draw(self, index: int, *, size: int = 400) -> npt.NDArray[np.uint8]:
        """Return the picture of an environment [size, size, 3]: arm, its reach, puck, target."""
        qpos = self._simulator.qpos[index]
        return draw_slide_reacher(
            angles=qpos[:2],
            links=LINKS,
            puck=qpos[2:],
            puck_radius=PUCK_RADIUS,
            target=self._target[index],
            threshold=self.config.distance_threshold,
            caption=f"step {self.elapsed[index]} / {self.episode_steps}",
            size=size,
        )


class SlideReacherEnv(SingleGoalEnv):
    """One slide Reacher; see :class:`SlideReacherVectorEnv` for what is observed and paid."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        """Make the environment; ``settings`` are the fields of :class:`SlideReacherConfig`."""
        super().__init__(SlideReacherVectorEnv.of_one(render_mode, settings))
