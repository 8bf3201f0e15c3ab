"""``bnpo/MovingReacher-v0``: two-link arms follow a goal sphere that runs on a circle.

A MuJoCo port of the Reacher of Unity ML-Agents in Udacity's build, the task of the article:
world-frame torques on both links, PhysX's limit on angular velocities, the same numbers observed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Dict

from bnpo.envs.arguments import require_batch
from bnpo.envs.reacher.arm_dynamics import MAX_JOINT_SPEED, arm_xml, limited_torques
from bnpo.envs.reacher.arm_kinematics import PIVOT_HEIGHT, ArmPose, goal_position, hand_position
from bnpo.envs.reacher.drawing import draw_moving_reacher
from bnpo.envs.reacher.moving_reacher_config import HAND_RADIUS, MovingReacherConfig
from bnpo.envs.reacher.simulated_batch import SimulatedBatch, goal_space
from bnpo.envs.reacher.simulator import BatchSimulator
from bnpo.envs.reacher.single_goal_env import SingleGoalEnv
from bnpo.envs.reacher.vector_goal_env import FloatArray, IndexArray, Observations, VectorGoalEnv
from bnpo.envs.simulation import mujoco

PHYSICS_STEPS = 4
"""Number of physics steps of one decision, which is one environment step of 0.08 s."""

TORQUE = 150.0
"""Torque of an action of 1 (N m)."""

ORBIT_RADIUS = 8.0
ORBIT_HEIGHT = -1.0
"""Radius and height of the orbit of the goal's centre (metres)."""

CONTACT_REWARD = 0.01
"""Reward for each physics step in contact."""

_BODIES = 3  # world, A and B


class MovingReacherVectorEnv(SimulatedBatch, VectorGoalEnv):
    """A batch of arms, each with its own moving goal.

    Observation (float64): ``observation`` [N, 30] or [N, 33], see ``obs_layout``;
    ``achieved_goal`` [N, 3] the hand; ``desired_goal`` [N, 3] the goal sphere (metres; y is up).
    Actions [N, 4] in [-1, 1]: torques about the world's x and z axes on link A, then on link B, in
    units of 150 N m. Info: ``is_success``, in contact at the end of the decision;
    ``contact_reward``, 0.01 for each of the four physics steps in contact; ``score``, its sum since
    the episode began (Unity's score, at most 40 in 1000 decisions).
    ``reset(options={"goal_angle": degrees, "goal_speed": degrees per physics step})`` fixes the
    goal's course in the episode that it begins.
    """

    metadata: dict[str, Any] = {**VectorGoalEnv.metadata, "render_fps": 12, "render_grid": 20}  # noqa: RUF012
    reset_options = ("goal_angle", "goal_speed")
    draws_per_episode = 2
    goals_move = True

    config_class = MovingReacherConfig
    config: MovingReacherConfig
    action_dim = 4

    def __init__(self, **settings: Any) -> None:
        """Make the batch; see :class:`SimulatedBatch` for the arguments."""
        super().__init__(**settings)
        config, num_envs = self.config, self.num_envs
        self.reward_space = Box(-1.0, 0.04, (3,) if config.reward_type == "per_axis" else ())
        """Space of one environment's reward: a number, or one number per axis."""
        wrenches = self._simulator.control.reshape(num_envs, config.substeps, _BODIES, 6)
        self._applied = wrenches[:, :, 1:, 3:]  # torques on A and B [N, substeps, 2, 3]
        self._pose = ArmPose(num_envs)
        self._swept = np.zeros((num_envs, PHYSICS_STEPS, 2, 3))  # directions of the links
        self._angle = np.zeros(num_envs)
        self._speed = np.zeros(num_envs)
        self._contact = np.zeros(num_envs)
        self._score = np.zeros(num_envs)

    def _space(self) -> Dict:
        return goal_space(self.config.observation_dim, 3)

    def _new_simulator(self, threads: int | None) -> BatchSimulator:
        substeps, integrator = self.config.substeps, self.config.integrator
        return BatchSimulator(
            mujoco.MjModel.from_xml_string(arm_xml(substeps=substeps, integrator=integrator)),
            num_envs=self.num_envs,
            steps=substeps,
            control_spec=mujoco.mjtState.mjSTATE_XFRC_APPLIED,
            threads=threads,
            least_per_thread=64,  # a call is one physics step, 6 us for each arm
        )

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any = None) -> Any:
        """Return the reward of hands [..., 3] for goals [..., 3], [...], or per axis [..., 3].

        Works on NumPy arrays and, where they are, on torch tensors of any device.
        """
        squared = (achieved_goal - desired_goal) ** 2
        limit = self.config.contact_distance**2
        if self.config.reward_type == "per_axis":
            return (squared < limit) * 1.0 - 1.0
        contact = squared.sum(-1) < limit
        if self.config.reward_type == "contact":
            return contact * (PHYSICS_STEPS * CONTACT_REWARD)
        return contact * 1.0 - 1.0

    def _begin(self, rows: IndexArray, uniforms: FloatArray) -> None:
        self._simulator.state[rows] = 0.0  # the arm hangs straight down, at rest
        self._angle[rows] = np.floor(360.0 * uniforms[:, 0])
        self._speed[rows] = self.config.goal_speed * (2.0 * uniforms[:, 1] - 1.0)
        self._contact[rows] = 0.0
        self._score[rows] = 0.0

    def _parse_options(self, options: Mapping[str, Any]) -> dict[str, FloatArray]:
        return {
            name: require_batch(name, value, shape=(), num_envs=self.num_envs)
            for name, value in options.items()
        }

    def _apply_options(self, rows: IndexArray, options: dict[str, FloatArray]) -> None:
        for name, array in (("goal_angle", self._angle), ("goal_speed", self._speed)):
            if name in options:
                array[rows] = options[name][rows]

    def simulate(self, actions: FloatArray) -> None:
        """Advance every environment by one step under actions [N, A]."""
        torques = np.zeros((self.num_envs, 2, 3))
        qpos, qvel = self._simulator.qpos, self._simulator.qvel
        np.multiply(np.clip(actions, -1.0, 1.0).reshape(-1, 2, 2), TORQUE, out=torques[..., ::2])
        for step in range(PHYSICS_STEPS):
            limited = limited_torques(
                self._pose,
                torques,
                angular_drag=self.config.angular_drag,
                max_angular_velocity=self.config.max_angular_velocity,
            )
            self._applied[:] = limited[:, None]
            self._simulator.advance()
            qvel.clip(-MAX_JOINT_SPEED, MAX_JOINT_SPEED, out=qvel)
            self._pose.update(qpos, qvel)
            self._swept[:, step] = self._pose.directions
        course = self._angle[:, None] + self._speed[:, None] * np.arange(1, PHYSICS_STEPS + 1)
        self._angle[:] = course[:, -1]
        offsets = hand_position(self._swept) - self._goals(course)
        touching = np.square(offsets).sum(-1) < self.config.contact_distance**2
        np.multiply(touching.sum(-1), CONTACT_REWARD, out=self._contact)
        self._score += self._contact

    def _goals(self, angle: FloatArray) -> FloatArray:
        """Return the centres of the goal spheres at ``angle`` (degrees) [...] -> [..., 3]."""
        return goal_position(angle, radius=ORBIT_RADIUS, height=ORBIT_HEIGHT)

    def observe(self) -> Observations:
        """Return fresh arrays [N, .] for each key of the observation."""
        links = self._pose.links(self._simulator.qpos)
        goals = self._goals(self._angle)
        observation = np.empty((self.num_envs, self.config.observation_dim))
        if self.config.obs_layout == "unity":
            observation[:, :26] = links.reshape(-1, 26)
            observation[:, 26:29] = goals
        else:
            observation[:, :26] = links[:, ::-1].reshape(-1, 26)
        observation[:, -4:-1] = (0.0, 1.0, 0.0)  # the hand, in the frame of its link
        observation[:, -1] = self._speed
        return {
            "observation": observation,
            "achieved_goal": hand_position(self._pose.directions),
            "desired_goal": goals,
        }

    def _outcome(self, observations: Observations) -> tuple[FloatArray, dict[str, Any]]:
        hands, goals = observations["achieved_goal"], observations["desired_goal"]
        success = np.square(hands - goals).sum(-1) < self.config.contact_distance**2
        info = {
            "is_success": success,
            "contact_reward": self._contact.copy(),
            "score": self._score.copy(),
        }
        return self.compute_reward(hands, goals), info

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that define the physics, by name."""
        return {
            **super().arrays(),
            "goal_angle": self._angle,
            "goal_speed": self._speed,
            "contact_reward": self._contact,
            "score": self._score,
        }

    def refresh(self) -> None:
        """Recompute what is derived from the physics."""
        self._pose.update(self._simulator.qpos, self._simulator.qvel)

    def draw(self, index: int, *, size: int = 400) -> npt.NDArray[np.uint8]:
        """Return the picture of an arm [size, size, 3]: hand, goal and its circle, the score."""
        hand = hand_position(self._pose.directions)[index]
        centre = self._pose.links(self._simulator.qpos)[index, 1, :3]  # of link B, half way
        return draw_moving_reacher(
            joints=np.array([(0.0, PIVOT_HEIGHT, 0.0), 2.0 * centre - hand, hand]),
            goal=self._goals(self._angle)[index],
            goal_radius=0.5 * self.config.goal_size,
            hand_radius=HAND_RADIUS,
            orbit=self._goals(np.linspace(0.0, 360.0, 73)),
            caption=f"step {self.elapsed[index]}   score {self._score[index]:.2f}",
            size=size,
        )


class MovingReacherEnv(SingleGoalEnv):
    """One moving Reacher; see :class:`MovingReacherVectorEnv` for what is observed and paid."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 12, "render_grid": 20}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        """Make the environment; ``settings`` are the fields of :class:`MovingReacherConfig`."""
        super().__init__(MovingReacherVectorEnv.of_one(render_mode, settings))
